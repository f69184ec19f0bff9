-- The statements that take away whatever keeps the columns of the tables in public and auth from
-- getting other types: policies, checks, foreign keys and defaults.
select pg_catalog.format(
    'drop policy %I on %s;', policy.polname, policy.polrelid::pg_catalog.regclass
)
from pg_catalog.pg_policy as policy
union all
select pg_catalog.format(
    'alter table %s drop constraint %I;',
    entry.conrelid::pg_catalog.regclass,
    entry.conname
)
from pg_catalog.pg_constraint as entry
join pg_catalog.pg_namespace as namespace
    on namespace.oid = entry.connamespace
where entry.contype in ('c', 'f')
    and entry.conrelid <> 0
    and namespace.nspname in ('auth', 'public')
union all
select pg_catalog.format(
    'alter table %s alter column %I drop default;',
    attribute.attrelid::pg_catalog.regclass,
    attribute.attname
)
from pg_catalog.pg_attribute as attribute
join pg_catalog.pg_class as relation
    on relation.oid = attribute.attrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where attribute.atthasdef
    and namespace.nspname in ('auth', 'public');
