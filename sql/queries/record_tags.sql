-- Record the tags that the plan gave to a change after it had been deployed.
insert into {registry}.tags (
    tag_id,
    tag,
    project,
    change_id,
    note,
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
       %(committer_name)s,
       %(committer_email)s,
       t.planned_at,
       t.planner_name,
       t.planner_email
  from unnest(
           %(tag_ids)s::text[],
           %(tags)s::text[],
           %(tag_notes)s::text[],
           %(tag_planned_at)s::timestamptz[],
           %(tag_planner_names)s::text[],
           %(tag_planner_emails)s::text[]
       ) as t (tag_id, tag, note, planned_at, planner_name, planner_email)
 where not exists (
       select
         from {registry}.tags as present
        where present.tag_id = t.tag_id
       );
