-- What: whether the server can stream what is published.
-- Why: with another wal_level the publication is there, and no client of Realtime hears of a message.
select
    'warning' as level,
    'publication ' || publication.pubname as object,
    pg_catalog.format(
        'wal_level is %%s, so nothing of it is streamed', pg_catalog.current_setting('wal_level')
    ) as detail,
    'alter system set wal_level = ''logical''; then restart the server' as remediation
from pg_catalog.pg_publication as publication
where publication.pubname = 'supabase_realtime'
    and pg_catalog.current_setting('wal_level') <> 'logical';
