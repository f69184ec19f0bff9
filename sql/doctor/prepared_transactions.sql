-- What: transactions of this database that were prepared and neither committed nor rolled back.
-- Why: their locks stay, over restarts too, and no session can be ended to get rid of them.
select
    'warning' as level,
    pg_catalog.format('prepared transaction %%L', prepared.gid) as object,
    pg_catalog.format(
        'of %%s, since %%s',
        prepared.owner,
        pg_catalog.date_trunc('second', prepared.prepared)
    ) as detail,
    pg_catalog.format(
        'commit prepared %%L; or: rollback prepared %%L;', prepared.gid, prepared.gid
    ) as remediation
from pg_catalog.pg_prepared_xacts as prepared
where prepared.database = pg_catalog.current_database()
order by prepared.prepared;
