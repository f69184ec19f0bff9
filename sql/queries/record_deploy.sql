-- Record a deployed change: its row and its event, in one statement.
-- committed_at orders the changes for sqitch and carecli alike, so it moves forward even when the
-- server's clock does not. latest_id: the change with the last one; null where it is not known.
with deployed as (
    insert into {registry}.changes (
        change_id,
        script_hash,
        change,
        project,
        note,
        committed_at,
        committer_name,
        committer_email,
        planned_at,
        planner_name,
        planner_email
    )
    select %(change_id)s,
           %(script_hash)s,
           %(change)s,
           %(project)s,
           %(note)s,
           greatest(clock_timestamp(), max(committed_at) + interval '1 microsecond'),
           %(committer_name)s,
           %(committer_email)s,
           %(planned_at)s,
           %(planner_name)s,
           %(planner_email)s
      from {registry}.changes
     where project = %(project)s
       and (%(latest_id)s::text is null or change_id = %(latest_id)s)
    returning committed_at
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
select 'deploy',
       %(change_id)s,
       %(change)s,
       %(project)s,
       %(note)s,
       %(requires)s::text[],
       %(conflicts)s::text[],
       %(tags)s::text[],
       greatest(clock_timestamp(), deployed.committed_at),
       %(committer_name)s,
       %(committer_email)s,
       %(planned_at)s,
       %(planner_name)s,
       %(planner_email)s
  from deployed;
