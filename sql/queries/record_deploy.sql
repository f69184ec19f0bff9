-- Record a deployed change: its row, dependencies, tags and event, in one statement.
-- committed_at orders the changes for sqitch and carecli alike, so it moves forward even when the
-- server's clock does not.
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
    values (
        %(change_id)s,
        %(script_hash)s,
        %(change)s,
        %(project)s,
        %(note)s,
        greatest(clock_timestamp(), %(after)s::timestamptz + interval '1 microsecond'),
        %(committer_name)s,
        %(committer_email)s,
        %(planned_at)s,
        %(planner_name)s,
        %(planner_email)s
    )
    returning committed_at
),
depending as (
    insert into {registry}.dependencies (change_id, type, dependency, dependency_id)
    select %(change_id)s,
           d.type,
           d.dependency,
           d.dependency_id
      from unnest(
               %(dependency_types)s::text[],
               %(dependencies)s::text[],
               %(dependency_ids)s::text[]
           ) as d (type, dependency, dependency_id)
),
tagged as (
    insert into {registry}.tags (
        tag_id,
        tag,
        project,
        change_id,
        note,
        committed_at,
        committer_name,
        committer_email,
        planned_at,
        planner_name,
        planner_email
    )
    select t.tag_id,
           t.tag,
           %(project)s,
           %(change_id)s,
           t.note,
           greatest(clock_timestamp(), deployed.committed_at + t.place * interval '1 microsecond'),
           %(committer_name)s,
           %(committer_email)s,
           t.planned_at,
           t.planner_name,
           t.planner_email
      from deployed
     cross join unnest(
               %(tag_ids)s::text[],
               %(tags)s::text[],
               %(tag_notes)s::text[],
               %(tag_planned_at)s::timestamptz[],
               %(tag_planner_names)s::text[],
               %(tag_planner_emails)s::text[]
           ) with ordinality as t (
               tag_id, tag, note, planned_at, planner_name, planner_email, place
           )
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
  from deployed
returning committed_at;
