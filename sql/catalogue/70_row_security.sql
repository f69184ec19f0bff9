-- What: the tables with row level security, and those that force it on their owner.
-- Why: without it the policies say nothing.
select
    switch.name || ' of ' || relation.oid::pg_catalog.regclass as object,
    'table ' || relation.oid::pg_catalog.regclass as parent,
    switch.verb as definition,
    pg_catalog.format(
        'alter table %s %s row level security;', relation.oid::pg_catalog.regclass, switch.verb
    ) as creation,
    pg_catalog.format(
        'alter table %s %s row level security;', relation.oid::pg_catalog.regclass, switch.undo
    ) as removal,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    relation.oid as object_id
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
join (
    values
        ('row level security', 'enable', 'disable', false),
        ('forced row level security', 'force', 'no force', true)
) as switch (name, verb, undo, forced)
    on case
        when switch.forced then relation.relforcerowsecurity
        else relation.relrowsecurity
    end
where relation.relkind in ('r', 'p')
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
