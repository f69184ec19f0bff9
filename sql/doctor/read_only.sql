-- What: whether new transactions may write.
-- Why: a host that runs out of disk makes the database read-only, and a migration fails half way
--     through its plan.
select
    'error' as level,
    'setting default_transaction_read_only' as object,
    'every transaction of this role in this database is read-only' as detail,
    'find out why (Supabase sets it on a full disk), then: alter database '
    || pg_catalog.quote_ident(pg_catalog.current_database())
    || ' reset default_transaction_read_only; and the same for the role' as remediation
where pg_catalog.current_setting('default_transaction_read_only') = 'on'
    and not pg_catalog.pg_is_in_recovery();
