-- How expressions and constants are written is up to the session: always in the same way here, with
-- every name in full, so that two databases can be compared.
set transaction isolation level repeatable read, read only;
set local search_path = '';
set local quote_all_identifiers = off;
set local datestyle = 'ISO';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local jit = off;
-- A definition cannot be read while somebody holds its table for himself.
set local lock_timeout = '5s';
