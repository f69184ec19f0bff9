-- What: the sequences, but for those inside identity columns.
-- Why: another increment or limit gives other numbers.
select
    'sequence ' || relation.oid::pg_catalog.regclass as object,
    pg_catalog.format('schema %I', namespace.nspname) as parent,
    described.definition,
    pg_catalog.format(
        'create sequence %s %s;', relation.oid::pg_catalog.regclass, described.definition
    ) as creation,
    pg_catalog.format('drop sequence %s;', relation.oid::pg_catalog.regclass) as removal,
    pg_catalog.format(
        'alter sequence %s %s;', relation.oid::pg_catalog.regclass, described.definition
    ) as replacement,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(relation.relowner)) as owner,
    pg_catalog.has_schema_privilege(relation.relowner, relation.relnamespace, 'create')
        as owner_creates,
    pg_catalog.obj_description(relation.oid, 'pg_class') as comment,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    relation.oid as object_id
from pg_catalog.pg_sequence as sequence
join pg_catalog.pg_class as relation
    on relation.oid = sequence.seqrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select pg_catalog.format(
        'as %s increment by %s minvalue %s maxvalue %s start with %s cache %s%s',
        pg_catalog.format_type(sequence.seqtypid, null),
        sequence.seqincrement,
        sequence.seqmin,
        sequence.seqmax,
        sequence.seqstart,
        sequence.seqcache,
        case
            when sequence.seqcycle then ' cycle'
            else ' no cycle'
        end
    ) as definition
) as described
where namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and not exists (
        select
        from pg_catalog.pg_depend as membership
        where membership.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and membership.objid = relation.oid
            and membership.deptype in ('e', 'i')
    );
