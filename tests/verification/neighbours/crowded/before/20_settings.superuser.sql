-- What: settings of the database, as Supabase and careful administrators have them.
-- Why: how the server writes names, times and expressions depends on them; what is found must not.
-- Requires: a superuser session.

do $$
declare
    v_setting text;
begin
    foreach v_setting in array array[
        'search_path = "$user", public, extensions',
        'app.settings.jwt_exp = ''3600''',
        'timezone = ''Asia/Kolkata''',
        'datestyle = ''ISO, DMY''',
        'intervalstyle = ''iso_8601''',
        'bytea_output = ''escape''',
        'plan_cache_mode = force_generic_plan',
        'default_transaction_isolation = ''repeatable read'''
    ]
    loop
        execute format('alter database %I set %s', current_database(), v_setting);
    end loop;
    execute format(
        'alter role anon in database %I set statement_timeout = ''3s''', current_database()
    );
    execute format(
        'alter role authenticated in database %I set statement_timeout = ''8s''',
        current_database()
    );
end $$;
