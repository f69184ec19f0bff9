-- Write the event of a change that was just recorded as deployed.
insert into {registry}.events (
    event,
    change_id,
    change,
    project,
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
)
select 'deploy',
       c.change_id,
       c.change,
       c.project,
       c.note,
       %(requires)s::text[],
       %(conflicts)s::text[],
       %(tags)s::text[],
       greatest(clock_timestamp(), c.committed_at),
       c.committer_name,
       c.committer_email,
       c.planned_at,
       c.planner_name,
       c.planner_email
  from {registry}.changes as c
 where c.change_id = %(change_id)s;
