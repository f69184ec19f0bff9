-- What: the triggers, but for those inside constraints, and those that a partition has from its
--     parent.
-- Why: a trigger that is gone or another one leaves out, or adds, what it did.
select
    pg_catalog.format(
        'trigger %I on %s', entry.tgname, entry.tgrelid::pg_catalog.regclass
    ) as object,
    case relation.relkind
        when 'v' then 'view '
        else 'table '
    end || entry.tgrelid::pg_catalog.regclass as parent,
    pg_catalog.pg_get_triggerdef(entry.oid) as definition,
    pg_catalog.pg_get_triggerdef(entry.oid) || ';' as creation,
    pg_catalog.format(
        'drop trigger %I on %s;', entry.tgname, entry.tgrelid::pg_catalog.regclass
    ) as removal,
    pg_catalog.obj_description(entry.oid, 'pg_trigger') as comment,
    'pg_catalog.pg_trigger'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_trigger as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.tgrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where not entry.tgisinternal
    and entry.tgparentid = 0
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
