-- Record that a change could not be deployed, as sqitch does.
insert into {registry}.events (
    event,
    change_id,
    change,
    project,
    note,
    requires,
    conflicts,
    tags,
    committer_name,
    committer_email,
    planned_at,
    planner_name,
    planner_email
)
values (
    'fail',
    %(change_id)s,
    %(change)s,
    %(project)s,
    %(note)s,
    %(requires)s::text[],
    %(conflicts)s::text[],
    %(tags)s::text[],
    %(committer_name)s,
    %(committer_email)s,
    %(planned_at)s,
    %(planner_name)s,
    %(planner_email)s
);
