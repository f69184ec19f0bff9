-- The deployed changes of a project, in the order in which they were deployed.
select c.change_id,
       c.change,
       c.script_hash,
       c.note,
       c.planned_at,
       c.planner_name,
       c.planner_email,
       c.committed_at,
       c.committer_name,
       c.committer_email,
       coalesce(t.tags, '{{}}') as tags
  from {registry}.changes as c
  left join (
       select change_id,
              array_agg(tag order by committed_at) as tags
         from {registry}.tags
        where project = %(project)s
        group by change_id
       ) as t on t.change_id = c.change_id
 where c.project = %(project)s
 order by c.committed_at;
