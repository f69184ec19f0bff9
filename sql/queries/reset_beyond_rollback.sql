-- What a script leaves in the session although it was rolled back.
deallocate all;
discard sequences;
select pg_catalog.pg_advisory_unlock_all();
