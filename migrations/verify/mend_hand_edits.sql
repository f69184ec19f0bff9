-- Verify care_collective_messaging:mend_hand_edits on pg
--
-- What: find functions of messaging V2 that more may call than should, or that do not pin their
--     search path.
-- Why: these are the edits that open a database; the verify scripts of the other changes prove
--     their own objects.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

set local search_path = '';

do $deployed$
begin
    if pg_catalog.to_regclass('public.conversations_v2') is null
        or pg_catalog.to_regnamespace('messaging') is null
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging V2 is not in this database, so nothing of it can have been mended';
    end if;
end;
$deployed$;

do $functions$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s: %s', routine.name, property.name), E'\n' order by routine.name
    )
    into v_differences
    from (
        select
            procedure.oid,
            procedure.oid::pg_catalog.regprocedure::text as name,
            procedure.pronamespace::pg_catalog.regnamespace::text as schema_name,
            procedure.prosecdef,
            procedure.proconfig
        from pg_catalog.pg_proc as procedure
        where procedure.pronamespace = pg_catalog.to_regnamespace('messaging')
            or procedure.oid in (
                select pg_catalog.to_regprocedure('public.' || wanted.name)
                from (
                    values
                        ('create_conversation_atomic(uuid,uuid,text)'),
                        ('get_conversation_v2(uuid,uuid)'),
                        ('get_conversation_version(uuid)'),
                        ('get_messages(uuid,text,integer,text)'),
                        ('get_messages_v2(uuid,uuid,text,integer,text)'),
                        ('is_messaging_v2_enabled(uuid)'),
                        ('list_conversations(integer,integer)'),
                        ('list_conversations_v2(uuid,integer,integer)'),
                        ('list_error_codes()'),
                        ('mark_conversation_read_v2(uuid,uuid)'),
                        ('send_message(uuid,text,uuid)'),
                        ('send_message_v2(uuid,uuid,text)'),
                        ('set_conversation_status_v2(uuid,uuid,text)'),
                        ('start_help_conversation(uuid,text)')
                ) as wanted (name)
            )
    ) as routine
    cross join lateral (
        values
            (
                'may be called by anon',
                pg_catalog.has_function_privilege('anon', routine.oid, 'execute')
            ),
            (
                'may be called by signed-in users',
                routine.schema_name = 'messaging'
                    and exists (
                        select
                        from pg_catalog.pg_proc as procedure
                        cross join lateral pg_catalog.aclexplode(procedure.proacl) as entry
                        where procedure.oid = routine.oid
                            and entry.grantee = 'authenticated'::pg_catalog.regrole
                            and procedure.proowner <> entry.grantee
                    )
            ),
            (
                'may not be called by signed-in users',
                routine.schema_name = 'public'
                    and not pg_catalog.has_function_privilege(
                        'authenticated', routine.oid, 'execute'
                    )
            ),
            ('is no definer', routine.schema_name = 'public' and not routine.prosecdef),
            (
                'does not pin its search path',
                not exists (
                    select
                    from pg_catalog.unnest(routine.proconfig) as setting (text)
                    where setting.text in ('search_path=""', 'search_path=pg_catalog, pg_temp')
                )
            )
    ) as property (name, broken)
    where property.broken;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'functions of messaging V2 are not as the plan makes them',
            detail = v_differences;
    end if;
end;
$functions$;

rollback;
