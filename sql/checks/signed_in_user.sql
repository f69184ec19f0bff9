-- What: auth.uid() answers the sub of request.jwt.claims, and null where there is none; it reads no
--     setting but those of the claims.
-- Why: everything here asks it who is calling. It belongs to the platform, but a copy of a database
--     may have one that was made for tests; a setting such as app.user_id anybody can make.
-- Silent: about how it does that.
do $asked$
declare
    v_user constant pg_catalog.uuid := pg_catalog.gen_random_uuid();
    v_nobody pg_catalog.uuid;
    v_somebody pg_catalog.uuid;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config('request.jwt.claims', '', true);
    v_nobody := auth.uid();
    perform pg_catalog.set_config(
        'request.jwt.claims',
        pg_catalog.jsonb_build_object('sub', v_user)::pg_catalog.text,
        true
    );
    v_somebody := auth.uid();
    perform pg_catalog.set_config(
        'carecli.answers',
        pg_catalog.concat_ws(
            ', ',
            case when v_nobody is not null then 'answers a user though nobody is signed in' end,
            case
                when v_somebody is distinct from v_user
                    then 'does not answer the user whose claims are set'
            end
        ),
        true
    );
end;
$asked$;

with found (detail) as (
    select nullif(pg_catalog.current_setting('carecli.answers'), '')
    union all
    select 'reads the setting ' || setting.names[1]
    from pg_catalog.pg_proc as routine
    cross join
        pg_catalog.regexp_matches(
            coalesce(pg_catalog.pg_get_function_sqlbody(routine.oid), routine.prosrc),
            'current_setting\s*\(\s*''([^'']+)''',
            'gi'
        ) as setting (names)
    where routine.oid = pg_catalog.to_regprocedure('auth.uid()')
        and not pg_catalog.starts_with(setting.names[1], 'request.jwt')
)

select
    'error' as level,
    'function auth.uid()' as object,
    found.detail,
    'Bring back the platform''s own auth.uid(): the sub of request.jwt.claims and nothing else.'
        as remediation
from found
where found.detail is not null
order by found.detail;
