-- Who holds the migration lock: its pid, and its description for people. A backend that ended after
-- the locks were read has no row in pg_stat_activity, and holds nothing any more. Of another role's
-- session only who has pg_read_all_stats sees the address and the start.
select l.pid,
       format(
           '%s of user %s%s (pid %s%s)',
           coalesce(nullif(a.application_name, ''), 'sqitch or another client'),
           coalesce(a.usename, 'a dropped role'),
           case when a.backend_start is not null
                then ' from ' || coalesce(host(a.client_addr), 'this machine')
           end,
           l.pid,
           ', since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')
       ) as description
  from pg_locks as l
  join pg_stat_activity as a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.database = (select oid from pg_database where datname = current_database())
   and l.classid = 0
   and l.objid = 75474063
   and l.objsubid = 1
   and l.granted;
