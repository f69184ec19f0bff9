-- Register a project, as sqitch does before its first change.
insert into {registry}.projects (project, uri, creator_name, creator_email)
values (%(project)s, %(uri)s, %(committer_name)s, %(committer_email)s);
