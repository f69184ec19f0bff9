-- Adopt care_collective_messaging:fix_v2_security_definer_auth on pg
--
-- What: pass where the change before was adopted, unless this one's deploy script can be run; warn
--     of every function of the three that can be called meanwhile.
-- Why: the deploy script stands on functions that only the plan makes. The mending change, which is
--     the next one, makes these and closes the three.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_handmade_schema

begin;

set local search_path = '';

do $there$
declare
    v_routine text;
    v_callers text;
begin
    if pg_catalog.to_regclass('public.conversations_v2') is null
        or pg_catalog.to_regclass('messaging.error_codes') is not null
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'there is nothing made by hand that could be mended';
    end if;
    if pg_catalog.to_regprocedure('messaging.create_conversation(uuid, uuid, text, text)')
            is not null
        and pg_catalog.to_regprocedure('messaging.caller_id()') is null
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'the plan has made what this change stands on, so it can be deployed';
    end if;

    for v_routine, v_callers in
        select
            routine.oid::pg_catalog.regprocedure::text,
            pg_catalog.string_agg(role.name, ', ' order by role.name)
        from pg_catalog.pg_proc as routine
        cross join (values ('anon'), ('authenticated')) as role (name)
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
            and routine.proname in (
                'create_conversation_atomic', 'send_message_v2', 'get_conversation_v2'
            )
            and pg_catalog.has_function_privilege(role.name, routine.oid, 'execute')
        group by routine.oid
        order by 1
    loop
        raise warning
            '% may be called by %, who can act in the name of anybody: run `carecli migrate` now, '
            'which closes it',
            v_routine,
            v_callers;
    end loop;
end;
$there$;

rollback;
