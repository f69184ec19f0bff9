-- What: which schemas are published as a whole.
-- Why: whatever is made in such a schema is streamed.
select
    pg_catalog.format(
        'schema %I in publication %I', namespace.nspname, publication.pubname
    ) as object,
    pg_catalog.format('schema %I', namespace.nspname) as parent,
    'whole' as definition,
    pg_catalog.format(
        'alter publication %I add tables in schema %I;', publication.pubname, namespace.nspname
    ) as creation,
    pg_catalog.format(
        'alter publication %I drop tables in schema %I;', publication.pubname, namespace.nspname
    ) as removal,
    'pg_catalog.pg_publication_namespace'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_publication_namespace as entry
join pg_catalog.pg_publication as publication
    on publication.oid = entry.pnpubid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = entry.pnnspid;
