-- Projects that have this name or this URI.
select project,
       uri
  from {registry}.projects
 where project = %(project)s
    or uri = %(uri)s;
