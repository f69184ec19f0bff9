-- What: every table and view that is not PostgreSQL's own, what it stands on, who may do what.
-- Why: as for the functions; triggers and sequences tell what a write would set off.
-- Parameters: roles (text[]), the roles that are asked about.
select
    relation.oid::int8,
    schema.nspname::text as schema,
    relation.relname::text as name,
    relation.relkind::text as kind,
    array(
        select trigger.tgfoid::int8
        from pg_catalog.pg_trigger as trigger
        where trigger.tgrelid = relation.oid
            and not trigger.tgisinternal
            and trigger.tgenabled in ('O', 'A')
    ) as triggers,
    exists (
        select
        from pg_catalog.pg_attrdef as fallback
        join pg_catalog.pg_depend as dependency
            on dependency.classid = 'pg_catalog.pg_attrdef'::regclass
            and dependency.objid = fallback.oid
        join pg_catalog.pg_class as sequence
            on dependency.refclassid = 'pg_catalog.pg_class'::regclass
            and sequence.oid = dependency.refobjid
            and sequence.relkind = 'S'
        where fallback.adrelid = relation.oid
    ) or exists (
        select
        from pg_catalog.pg_attribute as counted
        where counted.attrelid = relation.oid
            and counted.attidentity <> ''
    ) as counts,
    array(
        select distinct dependency.refobjid::int8
        from pg_catalog.pg_rewrite as rule
        join pg_catalog.pg_depend as dependency
            on dependency.classid = 'pg_catalog.pg_rewrite'::regclass
            and dependency.objid = rule.oid
            and dependency.refclassid in (
                'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass
            )
        where rule.ev_class = relation.oid
            and dependency.refobjid <> relation.oid
    ) as stands_on,
    array(
        select pg_catalog.jsonb_build_object(
            'name', attribute.attname,
            'type', attribute.atttypid::regtype::text,
            'required', attribute.attnotnull
                and not attribute.atthasdef
                and attribute.attidentity = '',
            'counted', attribute.attidentity <> '' or pg_catalog.strpos(
                coalesce(pg_catalog.pg_get_expr(fallback.adbin, fallback.adrelid), ''), 'nextval('
            ) > 0,
            'label', (
                select label.enumlabel
                from pg_catalog.pg_enum as label
                where label.enumtypid = attribute.atttypid
                order by label.enumsortorder
                limit 1
            ),
            'readers', (
                select pg_catalog.array_agg(role)
                from pg_catalog.unnest(%(roles)s::text[]) as role
                where pg_catalog.has_schema_privilege(role, schema.oid, 'usage')
                    and pg_catalog.has_column_privilege(
                        role, relation.oid, attribute.attnum, 'select'
                    )
            ),
            'writers', (
                select pg_catalog.array_agg(role)
                from pg_catalog.unnest(%(roles)s::text[]) as role
                where pg_catalog.has_schema_privilege(role, schema.oid, 'usage')
                    and pg_catalog.has_column_privilege(
                        role, relation.oid, attribute.attnum, 'update'
                    )
            )
        )
        from pg_catalog.pg_attribute as attribute
        left join pg_catalog.pg_attrdef as fallback
            on fallback.adrelid = attribute.attrelid
            and fallback.adnum = attribute.attnum
            and attribute.attgenerated = ''
        where attribute.attrelid = relation.oid
            and attribute.attnum > 0
            and not attribute.attisdropped
            and attribute.attgenerated = ''
        order by attribute.attnum
    ) as columns,
    array(
        select role || ' ' || privilege
        from pg_catalog.unnest(%(roles)s::text[]) as role
        cross join pg_catalog.unnest(array['delete', 'truncate', 'insert', 'update']) as privilege
        where pg_catalog.has_schema_privilege(role, schema.oid, 'usage')
            and (
                pg_catalog.has_table_privilege(role, relation.oid, privilege)
                or privilege in ('insert', 'update')
                and pg_catalog.has_any_column_privilege(role, relation.oid, privilege)
            )
    ) as privileges,
    relation.reltuples::float8 as size,
    relation.relispartition as part
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as schema
    on schema.oid = relation.relnamespace
where relation.relkind in ('r', 'p', 'v', 'm', 'f')
    and schema.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and schema.nspname not like 'pg\_temp\_%%'
    and not exists (
        select
        from pg_catalog.pg_depend as dependency
        where dependency.classid = 'pg_catalog.pg_class'::regclass
            and dependency.objid = relation.oid
            and dependency.deptype = 'e'
    )
order by schema.nspname, relation.relname;
