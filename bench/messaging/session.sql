-- What PostgREST sets at the beginning of each request's transaction, in one statement, with what a
-- client of Supabase sends; {user} is the id of who signed in. pgbench takes a colon before a word
-- for a variable, in strings too.
-- Source: https://docs.postgrest.org/en/v12/references/transactions.html
select
    set_config('search_path', '"public", "extensions"', true),
    set_config('role', 'authenticated', true),
    set_config(
        'request.jwt.claims',
        '{"aal": "aal1", "amr": [{"method": "password", "timestamp": 1767225600}], "app_metadata": '
        '{"provider": "email", "providers": ["email"]}, "aud": "authenticated", "exp": 1767229200,'
        '"iat": 1767225600, "is_anonymous": false, "iss": "https://project.example/auth/v1",'
        '"role": "authenticated", "session_id": "5f9e3c1a-7a52-4d1c-9c55-0b8f0d3f6c11",'
        '"sub": "' || {user} || '", "user_metadata": {}}',
        true
    ),
    set_config('request.method', 'POST', true),
    set_config('request.path', '/rpc', true),
    set_config(
        'request.headers',
        '{"accept": "*/*", "content-type": "application/json", "host": "project.example",'
        '"user-agent": "Mozilla/5.0", "x-client-info": "supabase-js-web/2.50.0"}',
        true
    ),
    set_config('request.cookies', '{}', true);
