-- case: superuser
-- as: superuser
-- finds: error role anon: is a superuser
alter role anon superuser;

-- case: passes row security by
-- as: superuser
-- finds: error role authenticated: passes row security by
alter role authenticated bypassrls;

-- case: member of the service
-- as: superuser
-- finds: error role anon: is a member of service_role, and so may be service_role
grant service_role to anon;

-- case: claims for everybody
-- as: superuser
-- finds: error database
do $setting$
begin
    execute format(
        'alter database %I set request.jwt.claims = %L', current_database(), '{"sub": "x"}'
    );
end;
$setting$;

-- case: no triggers for signed-in users
-- as: superuser
-- finds: error role authenticated in database
do $setting$
begin
    execute format(
        'alter role authenticated in database %I set session_replication_role = replica',
        current_database()
    );
end;
$setting$;

-- case: silent about limits of the roles
-- as: superuser
do $setting$
begin
    execute format('alter role anon in database %I set statement_timeout = 3000', current_database());
end;
$setting$;
