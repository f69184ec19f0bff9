-- Backends of migrators that are gone. Whoever holds the migration lock is the only migrator that
-- lives, so any other worker with a transaction runs a statement for a client that was killed.
-- The lock on its virtual transaction is seen by everybody; its state only by its own role.
select a.pid
  from pg_stat_activity as a
 where a.datname = current_database()
   and a.application_name = %(application_name)s
   and a.pid <> %(own)s
   and exists (
       select
         from pg_locks as l
        where l.pid = a.pid
          and l.locktype = 'virtualxid'
          and l.granted
   );
