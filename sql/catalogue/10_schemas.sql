-- What: the schemas.
-- Why: a schema that the plan makes is its own: whatever else is found in it is unknown.
select
    pg_catalog.format('schema %I', namespace.nspname) as object,
    pg_catalog.format('create schema %I;', namespace.nspname) as creation,
    pg_catalog.format('drop schema %I;', namespace.nspname) as removal,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(namespace.nspowner)) as owner,
    pg_catalog.obj_description(namespace.oid, 'pg_namespace') as comment,
    'pg_catalog.pg_namespace'::pg_catalog.regclass::oid as class_id,
    namespace.oid as object_id
from pg_catalog.pg_namespace as namespace
where namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and not exists (
        select
        from pg_catalog.pg_depend as membership
        where membership.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            and membership.objid = namespace.oid
            and membership.deptype = 'e'
    );
