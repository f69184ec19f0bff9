-- Give the next script the session that it would have found in a fresh psql, inside a
-- transaction too, where `discard all` is not allowed.
reset session authorization;
reset role;
reset all;
close all;
deallocate all;
unlisten *;
discard temp;
discard sequences;
select pg_catalog.pg_advisory_unlock_all();
