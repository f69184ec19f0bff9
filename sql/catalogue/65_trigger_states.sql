-- What: when each trigger fires.
-- Why: a disabled trigger is there, and does nothing.
select
    pg_catalog.format(
        'firing of %I on %s', entry.tgname, entry.tgrelid::pg_catalog.regclass
    ) as object,
    pg_catalog.format(
        'trigger %I on %s', entry.tgname, entry.tgrelid::pg_catalog.regclass
    ) as parent,
    described.state as definition,
    described.statement as creation,
    described.statement as replacement,
    entry.tgenabled = 'O' as inline,
    'pg_catalog.pg_trigger'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_trigger as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.tgrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select
        state.word as state,
        pg_catalog.format(
            'alter table %s %s trigger %I;',
            entry.tgrelid::pg_catalog.regclass,
            state.word,
            entry.tgname
        ) as statement
    from (
        values
            ('O', 'enable'),
            ('D', 'disable'),
            ('R', 'enable replica'),
            ('A', 'enable always')
    ) as state (code, word)
    where state.code = entry.tgenabled::text
) as described
where not entry.tgisinternal
    and entry.tgparentid = 0
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
