-- What: which tables are published, with their columns and filter.
-- Why: a table that fell out of its publication is no longer streamed; one too many is.
select
    pg_catalog.format(
        '%s in publication %I', entry.prrelid::pg_catalog.regclass, publication.pubname
    ) as object,
    'table ' || entry.prrelid::pg_catalog.regclass as parent,
    described.clauses as definition,
    pg_catalog.format(
        'alter publication %I add table %s%s;',
        publication.pubname,
        entry.prrelid::pg_catalog.regclass,
        ' ' || described.clauses
    ) as creation,
    pg_catalog.format(
        'alter publication %I drop table %s;',
        publication.pubname,
        entry.prrelid::pg_catalog.regclass
    ) as removal,
    'pg_catalog.pg_publication_rel'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_publication_rel as entry
join pg_catalog.pg_publication as publication
    on publication.oid = entry.prpubid
cross join lateral (
    select pg_catalog.concat_ws(
        ' ',
        (
            select pg_catalog.format(
                '(%s)',
                pg_catalog.string_agg(
                    pg_catalog.quote_ident(attribute.attname), ', ' order by attribute.attnum
                )
            )
            from pg_catalog.pg_attribute as attribute
            where attribute.attrelid = entry.prrelid
                and attribute.attnum = any (entry.prattrs)
            having entry.prattrs is not null
        ),
        'where (' || pg_catalog.pg_get_expr(entry.prqual, entry.prrelid) || ')'
    ) as clauses
) as described;
