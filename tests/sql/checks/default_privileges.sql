-- case: functions for everybody
-- finds: error default privileges for role {owner} in schema messaging: public gets privileges on functions
alter default privileges for role {owner} in schema messaging
    grant execute on functions to public;

-- case: tables for signed-in users
-- finds: error default privileges for role {owner} in schema messaging: authenticated gets privileges on tables
alter default privileges for role {owner} in schema messaging
    grant select on tables to authenticated;

-- case: tables of every schema
-- finds: error default privileges for role {owner}: anon gets privileges on tables
alter default privileges for role {owner} grant select on tables to anon;

-- case: silent about schema public and schemas of others
create schema extra;
alter default privileges for role {owner} in schema extra grant all on tables to anon;
alter default privileges for role {owner} in schema public grant all on tables to anon;
alter default privileges for role {owner} revoke execute on functions from public;
