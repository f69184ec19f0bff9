-- Record a deployed change and write its event.
-- committed_at orders the changes for sqitch and carecli alike, so it moves forward even when the
-- server's clock does not. latest_id: the change with the last one; null where it is not known. Where
-- it is, the planner leaves the search for it out.
with recorded as (
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
        greatest(clock_timestamp(), (
            select c.committed_at + interval '1 microsecond'
              from {registry}.changes as c
             where c.change_id = coalesce(%(latest_id)s, (
                       select l.change_id
                         from {registry}.changes as l
                        where l.project = %(project)s
                        order by l.committed_at desc
                        limit 1
                   ))
        )),
        %(committer_name)s,
        %(committer_email)s,
        %(planned_at)s,
        %(planner_name)s,
        %(planner_email)s
    )
    returning *
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
  from recorded as c;
