-- How much the database takes, the largest relation of it, and where the server keeps its data: null
-- where the role may not see that, or the server is reached over a network.
select
    pg_catalog.pg_database_size(pg_catalog.current_database()) as database_size,
    coalesce((
        select pg_catalog.max(pg_catalog.pg_table_size(relation.oid))
        from pg_catalog.pg_class as relation
        where relation.relkind in ('r', 'm')
    ), 0) as largest_table,
    (
        select setting.setting
        from pg_catalog.pg_settings as setting
        where setting.name = 'data_directory'
            and pg_catalog.inet_server_addr() is null
    ) as data_directory;
