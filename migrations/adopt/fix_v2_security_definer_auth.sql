-- Adopt care_collective_messaging:fix_v2_security_definer_auth on pg
--
-- What: pass where the three functions can be made anew; warn of each that can be called meanwhile.
-- Why: somebody may have edited them since the database was migrated.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select
    'messaging.caller_id'::pg_catalog.regproc,
    'messaging.record_call'::pg_catalog.regproc,
    'messaging.create_conversation'::pg_catalog.regproc,
    'messaging.send_message'::pg_catalog.regproc,
    'messaging.get_conversation'::pg_catalog.regproc;

-- Before the next change is there, this one can be deployed.
select 'public.set_conversation_status_v2'::pg_catalog.regproc;

do $open$
declare
    v_routine text;
begin
    for v_routine in
        select routine.oid::pg_catalog.regprocedure::text
        from pg_catalog.pg_proc as routine
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
            and routine.proname in (
                'create_conversation_atomic', 'send_message_v2', 'get_conversation_v2'
            )
            and (
                pg_catalog.has_function_privilege('anon', routine.oid, 'execute')
                or pg_catalog.has_function_privilege('authenticated', routine.oid, 'execute')
            )
        order by 1
    loop
        raise warning
            '% may have been edited so that its callers act in the name of anybody: run '
            '`carecli migrate` now, which closes it',
            v_routine;
    end loop;
end;
$open$;

rollback;
