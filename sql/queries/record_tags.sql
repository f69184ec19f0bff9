-- Record the tags of a deployed change that are not recorded yet: all of them when it is deployed,
-- later those that the plan has given it since.
-- A tag is never older than its change, even when the server's clock was set back: both tools find
-- "the change as of a tag" by these times.
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
       c.project,
       c.change_id,
       t.note,
       greatest(clock_timestamp(), c.committed_at + t.place * interval '1 microsecond'),
       %(committer_name)s,
       %(committer_email)s,
       t.planned_at,
       t.planner_name,
       t.planner_email
  from {registry}.changes as c
 cross join unnest(
           %(tag_ids)s::text[],
           %(tags)s::text[],
           %(tag_notes)s::text[],
           %(tag_planned_at)s::timestamptz[],
           %(tag_planner_names)s::text[],
           %(tag_planner_emails)s::text[]
       ) with ordinality as t (tag_id, tag, note, planned_at, planner_name, planner_email, place)
 where c.change_id = %(change_id)s
   and not exists (
       select
         from {registry}.tags as present
        where present.tag_id = t.tag_id
       );
