-- What: enums, composite types and domains. Not the types that come with a table or an array.
-- Why: functions and columns have them; an enum that lost or gained a label takes other values.
-- The parts of a composite type are mended one by one, from its definition: see the comparison.
select
    pg_catalog.format('%s %s', described.word, described.name) as object,
    pg_catalog.format('schema %I', described.nspname) as parent,
    described.definition,
    pg_catalog.format(
        case described.typtype
            when 'e' then 'create type %s as enum (%s);'
            when 'c' then 'create type %s as (%s);'
            else 'create domain %s as %s;'
        end,
        described.name,
        case described.typtype
            when 'd' then pg_catalog.replace(described.definition, E'\n', ' ')
            else pg_catalog.replace(described.definition, E'\n', ', ')
        end
    ) as creation,
    pg_catalog.format('drop %s %s;', described.word, described.name) as removal,
    case described.typtype
        when 'e' then described.additions
    end as replacement,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(described.typowner)) as owner,
    pg_catalog.has_schema_privilege(described.typowner, described.typnamespace, 'create')
        as owner_creates,
    pg_catalog.obj_description(described.oid, 'pg_type') as comment,
    case described.typtype
        when 'c' then 'pg_catalog.pg_class'::pg_catalog.regclass::oid
        else 'pg_catalog.pg_type'::pg_catalog.regclass::oid
    end as class_id,
    case described.typtype
        when 'c' then described.typrelid
        else described.oid
    end as object_id
from (
    select
        type.oid,
        type.typtype,
        type.typowner,
        type.typnamespace,
        type.typrelid,
        namespace.nspname,
        pg_catalog.format_type(type.oid, null) as name,
        case type.typtype
            when 'd' then 'domain'
            else 'type'
        end as word,
        case type.typtype
            when 'e' then (
                select pg_catalog.string_agg(
                    pg_catalog.quote_literal(label.enumlabel), E'\n' order by label.enumsortorder
                )
                from pg_catalog.pg_enum as label
                where label.enumtypid = type.oid
            )
            when 'c' then (
                select pg_catalog.string_agg(
                    pg_catalog.format(
                        '%I %s%s',
                        attribute.attname,
                        pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
                        case
                            when attribute.attcollation <> base.typcollation
                                then ' collate ' || attribute.attcollation::pg_catalog.regcollation
                            else ''
                        end
                    ),
                    E'\n' order by attribute.attnum
                )
                from pg_catalog.pg_attribute as attribute
                join pg_catalog.pg_type as base
                    on base.oid = attribute.atttypid
                where attribute.attrelid = type.typrelid
                    and attribute.attnum > 0
                    and not attribute.attisdropped
            )
            else pg_catalog.concat_ws(
                E'\n',
                pg_catalog.format_type(type.typbasetype, type.typtypmod),
                'default ' || type.typdefault,
                case
                    when type.typnotnull then 'not null'
                end,
                (
                    select pg_catalog.string_agg(
                        pg_catalog.format(
                            'constraint %I %s',
                            domain_rule.conname,
                            pg_catalog.pg_get_constraintdef(domain_rule.oid)
                        ),
                        E'\n' order by domain_rule.conname
                    )
                    from pg_catalog.pg_constraint as domain_rule
                    where domain_rule.contypid = type.oid
                        and domain_rule.contype = 'c'
                )
            )
        end as definition,
        (
            select pg_catalog.string_agg(
                pg_catalog.format(
                    'alter type %s add value if not exists %L%s;',
                    pg_catalog.format_type(type.oid, null),
                    label.enumlabel,
                    ' after ' || pg_catalog.quote_literal(label.previous)
                ),
                E'\n' order by label.enumsortorder
            )
            from (
                select
                    inner_label.enumlabel,
                    inner_label.enumsortorder,
                    pg_catalog.lag(inner_label.enumlabel) over (
                        order by inner_label.enumsortorder
                    ) as previous
                from pg_catalog.pg_enum as inner_label
                where inner_label.enumtypid = type.oid
            ) as label
        ) as additions
    from pg_catalog.pg_type as type
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = type.typnamespace
    left join pg_catalog.pg_class as composite
        on composite.oid = type.typrelid
    where namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
        and (type.typtype in ('e', 'd') or composite.relkind = 'c')
        and not exists (
            select
            from pg_catalog.pg_depend as membership
            where membership.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                and membership.objid = type.oid
                and membership.deptype = 'e'
        )
) as described;
