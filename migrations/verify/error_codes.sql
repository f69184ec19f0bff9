-- Verify care_collective_messaging:error_codes on pg
--
-- What: read the codes through the function and compare codes and statuses with the contract;
--     break each rule of the table once; look who may do what.
-- Why: answers take their HTTP status from here. Texts may be edited, so they only have to be
--     there.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

do $codes$
declare
    v_answer constant jsonb := public.list_error_codes();
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: expected %s, found %s',
            code,
            coalesce(expected.http_status::text, 'nothing'),
            coalesce(actual.http_status::text, 'nothing')
        ),
        E'\n'
        order by code
    )
    into v_differences
    from (
        values
            ('conversation_exists', 409),
            ('help_request_unavailable', 400),
            ('permission_denied', 403),
            ('validation_error', 400),
            ('not_found', 404),
            ('unauthorized', 401),
            ('rate_limit_exceeded', 429),
            ('rpc_error', 500),
            ('server_error', 500)
    ) as expected (code, http_status)
    full join (
        select
            entry ->> 'code' as code,
            (entry ->> 'http_status')::integer as http_status
        from pg_catalog.jsonb_array_elements(v_answer -> 'error_codes') as entry
    ) as actual using (code)
    where expected.http_status is distinct from actual.http_status;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the error codes are not those of the contract',
            detail = v_differences;
    end if;
    if v_answer ->> 'success' is distinct from 'true'
        or v_answer ->> 'request_id' is null
        or exists (
            select
            from pg_catalog.jsonb_array_elements(v_answer -> 'error_codes') as entry
            where entry ->> 'user_message' is null
                or entry ->> 'client_action' is null
        )
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'public.list_error_codes() answers otherwise than it must',
            detail = v_answer::text;
    end if;
end;
$codes$;

do $rules$
declare
    v_rule text;
    v_change text;
    v_violated text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    for v_rule, v_change in
        values
            ('error_codes_code_format', 'code = ''Not Found'''),
            ('error_codes_http_status_of_an_error', 'http_status = 200'),
            ('error_codes_user_message_not_blank', 'user_message = '' '''),
            ('error_codes_client_action_not_blank', 'client_action = ''''')
    loop
        v_violated := null;
        begin
            execute pg_catalog.format(
                'update messaging.error_codes set %s where code = ''not_found''', v_change
            );
        exception
            when check_violation then
                get stacked diagnostics v_violated = constraint_name;
        end;
        if v_violated is distinct from v_rule then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'constraint %s of messaging.error_codes does not hold', v_rule
                );
        end if;
    end loop;
end;
$rules$;

do $privileges$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: expected %s, found %s',
            object,
            coalesce(expected.definition, 'nothing'),
            coalesce(actual.definition, 'nothing')
        ),
        E'\n'
        order by object
    )
    into v_differences
    from (
        values
            ('authenticated on public.list_error_codes()', 'EXECUTE'),
            ('service_role on public.list_error_codes()', 'EXECUTE'),
            ('service_role on schema messaging', 'USAGE')
    ) as expected (object, definition)
    full join (
        select
            pg_catalog.format('%s on %s', coalesce(role.rolname, 'public'), thing.name) as object,
            pg_catalog.string_agg(
                entry.privilege_type, ', ' order by entry.privilege_type
            ) as definition
        from (
            select
                'public.list_error_codes()' as name,
                coalesce(
                    routine.proacl, pg_catalog.acldefault('f', routine.proowner)
                ) as privileges
            from pg_catalog.pg_proc as routine
            where routine.oid = 'public.list_error_codes()'::pg_catalog.regprocedure
            union all
            select
                'messaging.error_codes',
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid = 'messaging.error_codes'::pg_catalog.regclass
            union all
            select
                'schema messaging',
                namespace.nspacl
            from pg_catalog.pg_namespace as namespace
            where namespace.nspname = 'messaging'
        ) as thing
        cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        group by
            role.rolname,
            thing.name
    ) as actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the privileges on the error codes are not those they must be',
            detail = v_differences;
    end if;
end;
$privileges$;

rollback;
