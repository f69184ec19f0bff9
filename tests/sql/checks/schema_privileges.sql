-- case: signed-in users
-- finds: error schema messaging: authenticated has usage
grant usage on schema messaging to authenticated;

-- case: everybody
-- finds: error schema messaging: public has usage
grant usage on schema messaging to public;

-- case: the service makes objects
-- finds: error schema messaging: service_role has create
grant create on schema messaging to service_role;

-- case: somebody else
-- finds: warning schema messaging: supabase_auth_admin has usage
grant usage on schema messaging to supabase_auth_admin;

-- case: may be passed on
-- finds: error schema messaging: service_role may pass on usage
grant usage on schema messaging to service_role with grant option;

-- case: missing
-- finds: error schema messaging: service_role lacks usage
revoke usage on schema messaging from service_role;
