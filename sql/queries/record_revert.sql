-- Record that a change was reverted: its rows go, an event with what they said stays.
with untagged as (
    delete from {registry}.tags
     where change_id = %(change_id)s
    returning tag
),
reverted as (
    delete from {registry}.changes
     where change_id = %(change_id)s
    returning change_id, change, project, note, planned_at, planner_name, planner_email
)
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
select 'revert',
       r.change_id,
       r.change,
       r.project,
       r.note,
       array(
           select d.dependency
             from {registry}.dependencies as d
            where d.change_id = r.change_id
              and d.type = 'require'
       ),
       array(
           select d.dependency
             from {registry}.dependencies as d
            where d.change_id = r.change_id
              and d.type = 'conflict'
       ),
       array(select u.tag from untagged as u),
       clock_timestamp(),
       %(committer_name)s,
       %(committer_email)s,
       r.planned_at,
       r.planner_name,
       r.planner_email
  from reverted as r
returning committed_at;
