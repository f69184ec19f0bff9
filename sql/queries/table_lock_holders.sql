-- Sessions that hold locks on the tables of this database, oldest transaction first: the likely
-- cause when a migration waits. Of another role's session only who has pg_read_all_stats sees the
-- state and the start of the transaction.
select a.pid,
       coalesce(a.usename, a.backend_type, 'the server') as usename,
       nullif(a.application_name, '') as application,
       a.state,
       (extract(epoch from clock_timestamp() - a.xact_start))::int as seconds,
       string_agg(distinct l.relation::regclass::text, ', ') as relations
  from pg_locks as l
  join pg_stat_activity as a on a.pid = l.pid
  join pg_class as c on c.oid = l.relation
  join pg_namespace as n on n.oid = c.relnamespace
 where l.locktype = 'relation'
   and l.granted
   and l.database = (select oid from pg_database where datname = current_database())
   and a.pid <> pg_backend_pid()
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
 group by a.pid, a.usename, a.backend_type, a.application_name, a.state, a.xact_start
 order by a.xact_start, a.pid
 limit 5;
