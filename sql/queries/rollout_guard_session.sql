-- For the rest of this transaction: do not wait behind somebody's lock or for a server that stalls.
select
    pg_catalog.set_config('lock_timeout', '5s', true),
    pg_catalog.set_config('statement_timeout', '30s', true);
