-- Which object has to be there before which other one. A view stands for its query, a table for its
-- row type.
select distinct
    coalesce(rule.class_id, dependency.classid)::int8 as class_id,
    coalesce(rule.relation, dependency.objid)::int8 as object_id,
    coalesce(row_type.class_id, dependency.refclassid)::int8 as needed_class_id,
    coalesce(row_type.relation, dependency.refobjid)::int8 as needed_object_id
from pg_catalog.pg_depend as dependency
left join lateral (
    select
        'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
        rewrite.ev_class as relation
    from pg_catalog.pg_rewrite as rewrite
    where dependency.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        and rewrite.oid = dependency.objid
        and rewrite.rulename = '_RETURN'
) as rule
    on true
left join lateral (
    select
        'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
        type.typrelid as relation
    from pg_catalog.pg_type as type
    where dependency.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
        and type.oid = dependency.refobjid
        and type.typrelid <> 0
) as row_type
    on true
where dependency.deptype in ('n', 'a')
    -- A sequence belongs to its column, whose default needs it first.
    and not exists (
        select
        from pg_catalog.pg_sequence as sequence
        where dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and sequence.seqrelid = dependency.objid
    )
    and dependency.objid >= 16384
    and dependency.refobjid >= 16384;
