-- The text of every function of the two schemas.
select space.nspname || '.' || routine.proname,
       pg_catalog.string_agg(pg_catalog.pg_get_functiondef(routine.oid), E'\n')
  from pg_catalog.pg_proc as routine
  join pg_catalog.pg_namespace as space
    on space.oid = routine.pronamespace
 where space.nspname in ('public', 'messaging')
   and routine.prokind = 'f'
 group by 1;
