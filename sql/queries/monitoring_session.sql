-- Settings of the transaction that reads metrics. With row security on, a role that may not see
-- all rows would count none of them and call it zero; off, the server refuses to answer. A day has
-- 24 hours in UTC. Compiling takes longer than the short queries that it would hasten.
select
    pg_catalog.set_config('transaction_read_only', 'on', true),
    pg_catalog.set_config('row_security', 'off', true),
    pg_catalog.set_config('search_path', '', true),
    pg_catalog.set_config('timezone', 'UTC', true),
    pg_catalog.set_config('jit', 'off', true),
    pg_catalog.set_config('statement_timeout', %(timeout)s, true);
