-- What: refuse a database that is, or looks like, a real Supabase project.
-- Why: this folder is a stand-in for development, tests and CI; it must never reach production.
-- Requires: a superuser session; the whole folder is applied in name order in one transaction.
-- Transaction: yes.

do $guard$
begin
    if exists (
        select
        from pg_catalog.pg_namespace as namespace
        where namespace.nspname = 'auth'
    ) then
        raise exception using
            errcode = 'duplicate_schema',
            message = pg_catalog.format(
                'database %I already has a schema "auth"; '
                'the platform look-alike is not applied to it',
                pg_catalog.current_database()
            ),
            hint = 'A Supabase project needs no sql/platform: run the migrations alone. '
                'A database that carecli prepared before is prepared already.';
    end if;
    if pg_catalog.current_setting('is_superuser') <> 'on' then
        raise exception using
            errcode = 'insufficient_privilege',
            message = pg_catalog.format(
                'role %I may not prepare the platform look-alike: it takes a superuser',
                current_user
            ),
            hint = 'Connect as the bootstrap superuser of the cluster.';
    end if;
end;
$guard$;
