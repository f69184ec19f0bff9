-- Deployed changes that require any of these, outside of them: they stand in a rollback's way.
select required.change as required,
       case when c.project = %(project)s then c.change else c.project || ':' || c.change end
           as requiring
  from {registry}.dependencies as d
  join {registry}.changes as c on c.change_id = d.change_id
  join {registry}.changes as required on required.change_id = d.dependency_id
 where d.dependency_id = any(%(change_ids)s::text[])
   and d.change_id <> all(%(change_ids)s::text[])
 order by c.committed_at;
