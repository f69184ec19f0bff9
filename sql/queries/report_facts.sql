-- The time that a report is of, the server's version, and whether it only follows another one.
select
    pg_catalog.now(),
    pg_catalog.current_setting('server_version'),
    pg_catalog.pg_is_in_recovery();
