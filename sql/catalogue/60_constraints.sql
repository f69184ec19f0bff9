-- What: primary keys, unique, check, exclusion and foreign key constraints of tables. Those that a
--     partition has from its parent are its parent's.
-- Why: a constraint that is gone or another one lets rows in that break the rules.
-- Whether one is validated is a file of its own, because that is mended in another way.
select
    pg_catalog.format(
        'constraint %I on %s', entry.conname, entry.conrelid::pg_catalog.regclass
    ) as object,
    'table ' || entry.conrelid::pg_catalog.regclass as parent,
    -- `alter table ... disable trigger all` takes a foreign key out of force.
    described.rule || case
        when exists (
            select
            from pg_catalog.pg_trigger as enforcement
            where enforcement.tgconstraint = entry.oid
                and enforcement.tgisinternal
                and enforcement.tgenabled <> 'O'
        ) then E'\nnot enforced: its triggers are disabled'
        else ''
    end as definition,
    pg_catalog.format(
        'alter table %s add constraint %I %s%s;',
        entry.conrelid::pg_catalog.regclass,
        entry.conname,
        described.rule,
        case
            when entry.contype in ('c', 'f') and relation.relkind = 'r' then ' not valid'
        end
    ) as creation,
    pg_catalog.format(
        'alter table %s drop constraint %I;',
        entry.conrelid::pg_catalog.regclass,
        entry.conname
    ) as removal,
    pg_catalog.obj_description(entry.oid, 'pg_constraint') as comment,
    'pg_catalog.pg_constraint'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_constraint as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.conrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select pg_catalog.regexp_replace(
        pg_catalog.pg_get_constraintdef(entry.oid), ' NOT VALID$', ''
    ) as rule
) as described
where entry.contype in ('p', 'u', 'c', 'x', 'f')
    and entry.coninhcount = 0
    and entry.conparentid = 0
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
