-- Do now the checks that a script put off until its end, and let the next script of the same
-- transaction put its own off: constraint by constraint, because what is set for all of them
-- counts for those too that are created later.
do $settle$
declare
    settling  text;
    postponed text;
begin
    select string_agg(c.name, ', '),
           string_agg(c.name, ', ') filter (where c.condeferred)
      into settling,
           postponed
      from (
           select format('%I.%I', n.nspname, o.conname) as name,
                  bool_and(o.condeferred) as condeferred
             from pg_catalog.pg_constraint as o
             join pg_catalog.pg_namespace as n on n.oid = o.connamespace
            where has_schema_privilege(n.oid, 'usage')
            group by n.nspname, o.conname
           -- A name means every constraint that has it in the schema.
           having bool_and(o.condeferrable)
           ) as c;
    if settling is not null then
        execute 'set constraints ' || settling || ' immediate';
    end if;
    if postponed is not null then
        execute 'set constraints ' || postponed || ' deferred';
    end if;
end;
$settle$;
