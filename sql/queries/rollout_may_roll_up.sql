-- Whether there is a roll-up of calls by the minute that this role may do.
select coalesce(
    pg_catalog.has_function_privilege(
        pg_catalog.to_regproc('messaging.roll_up')::oid, 'execute'
    ),
    false
);
