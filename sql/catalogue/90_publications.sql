-- What: the publications.
-- Why: a publication that leaves operations out streams less than its subscribers need.
select
    pg_catalog.format('publication %I', entry.pubname) as object,
    described.settings as definition,
    pg_catalog.format(
        'create publication %I%s with (%s);',
        entry.pubname,
        case
            when entry.puballtables then ' for all tables'
        end,
        described.settings
    ) as creation,
    pg_catalog.format('drop publication %I;', entry.pubname) as removal,
    pg_catalog.format(
        'alter publication %I set (%s);', entry.pubname, described.settings
    ) as replacement,
    entry.puballtables::text as shape,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(entry.pubowner)) as owner,
    pg_catalog.obj_description(entry.oid, 'pg_publication') as comment,
    'pg_catalog.pg_publication'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_publication as entry
cross join lateral (
    select pg_catalog.format(
        'publish = %L, publish_via_partition_root = %s',
        pg_catalog.concat_ws(
            ', ',
            case
                when entry.pubinsert then 'insert'
            end,
            case
                when entry.pubupdate then 'update'
            end,
            case
                when entry.pubdelete then 'delete'
            end,
            case
                when entry.pubtruncate then 'truncate'
            end
        ),
        entry.pubviaroot::text
    ) as settings
) as described;
