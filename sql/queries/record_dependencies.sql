-- Record what a deployed change requires, with the changes that it was resolved to, and conflicts with.
insert into {registry}.dependencies (change_id, type, dependency, dependency_id)
select %(change_id)s,
       d.type,
       d.dependency,
       d.dependency_id
  from unnest(
           %(dependency_types)s::text[],
           %(dependencies)s::text[],
           %(dependency_ids)s::text[]
       ) as d (type, dependency, dependency_id);
