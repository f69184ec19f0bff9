-- What: the rules on tables and views, but for the query of a view.
-- Why: a rule turns a statement into another one.
select
    pg_catalog.format(
        'rule %I on %s', entry.rulename, entry.ev_class::pg_catalog.regclass
    ) as object,
    case relation.relkind
        when 'v' then 'view '
        else 'table '
    end || entry.ev_class::pg_catalog.regclass as parent,
    pg_catalog.pg_get_ruledef(entry.oid) as definition,
    pg_catalog.pg_get_ruledef(entry.oid) as creation,
    pg_catalog.format(
        'drop rule %I on %s;', entry.rulename, entry.ev_class::pg_catalog.regclass
    ) as removal,
    pg_catalog.obj_description(entry.oid, 'pg_rewrite') as comment,
    'pg_catalog.pg_rewrite'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_rewrite as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.ev_class
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where entry.rulename <> '_RETURN'
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
