-- What: indexes that a failed `create index concurrently` has left behind.
-- Why: they cost every write and serve no read, and their names are taken.
select
    'warning' as level,
    'index ' || broken.indexrelid::pg_catalog.regclass::text as object,
    'it is not valid, so no query uses it' as detail,
    pg_catalog.format(
        'reindex index concurrently %%s; or: drop index concurrently %%s;',
        broken.indexrelid::pg_catalog.regclass,
        broken.indexrelid::pg_catalog.regclass
    ) as remediation
from pg_catalog.pg_index as broken
where not broken.indisvalid
    -- One that is being built right now is not valid yet.
    and not exists (
        select
        from pg_catalog.pg_stat_progress_create_index as progress
        where progress.index_relid = broken.indexrelid
    )
    -- Of a partitioned table: it waits for those of the partitions, which are named themselves.
    and not exists (
        select
        from pg_catalog.pg_class as relation
        where relation.oid = broken.indexrelid
            and relation.relkind = 'I'
    )
order by 2;
