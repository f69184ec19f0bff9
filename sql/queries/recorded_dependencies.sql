-- What the registry says that the deployed changes of a project require and conflict with.
select d.change_id,
       d.type,
       d.dependency
  from {registry}.dependencies as d
  join {registry}.changes as c on c.change_id = d.change_id
 where c.project = %(project)s
 order by d.change_id,
          d.dependency;
