-- Who holds the migration lock.
select l.pid,
       a.usename,
       nullif(a.application_name, '') as application,
       coalesce(host(a.client_addr), 'this machine') as client,
       a.backend_start
  from pg_locks as l
  left join pg_stat_activity as a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.database = (select oid from pg_database where datname = current_database())
   and l.classid = 0
   and l.objid = 75474063
   and l.objsubid = 1
   and l.granted;
