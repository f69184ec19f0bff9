-- Settings of the transaction that runs one check of the contract. An empty search path makes the
-- catalogue name every object with its schema; the rest makes it spell constants alike everywhere.
select
    pg_catalog.set_config('transaction_read_only', 'on', true),
    pg_catalog.set_config('search_path', '', true),
    pg_catalog.set_config('statement_timeout', %(timeout)s, true),
    pg_catalog.set_config('lock_timeout', '5s', true),
    pg_catalog.set_config('quote_all_identifiers', 'off', true),
    pg_catalog.set_config('datestyle', 'ISO', true),
    pg_catalog.set_config('intervalstyle', 'postgres', true),
    pg_catalog.set_config('jit', 'off', true);
