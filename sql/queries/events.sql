-- The history of the registry, newest first.
select event,
       project,
       change_id,
       change,
       note,
       requires,
       conflicts,
       tags,
       committed_at,
       committer_name,
       committer_email,
       planned_at,
       planner_name,
       planner_email
  from {registry}.events
 where (%(project)s::text is null or project = %(project)s)
   and (%(event)s::text is null or event = %(event)s)
   and (%(change)s::text is null or change = %(change)s)
 order by committed_at desc
 limit %(limit)s;
