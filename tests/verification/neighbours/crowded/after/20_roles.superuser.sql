-- What: a role of somebody else, with grants on their own tables.
-- Why: other roles are nobody's business here until they reach our tables.
-- Requires: a superuser session; who runs it drops the role again, which is named after the
--     database, because it is in all of them.

create schema reporting;
create table reporting.visits (
    day date,
    visitors integer
);
grant select on reporting.visits to service_role;

do $$
declare
    v_role text := current_database() || '_analyst';
begin
    execute format('create role %I nologin', v_role);
    execute format('alter schema reporting owner to %I', v_role);
    execute format('alter table reporting.visits owner to %I', v_role);
    execute format('grant select on public.events, public.countries to %I', v_role);
end $$;
