-- Verify care_collective_messaging:event_log on pg
--
-- What: look who may do what; record a success, a failure and an unexpected error and read them
--     back as log entries; write to a day without a partition, and let the maintenance make it.
-- Why: a log that is not written is noticed when it is needed.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

do $privileges$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s has %s on %s', role.rolname, entry.privilege_type, thing.name),
        E'\n'
        order by thing.name
    )
    into v_differences
    from (
        select
            routine.oid::pg_catalog.regprocedure::text as name,
            coalesce(
                routine.proacl, pg_catalog.acldefault('f', routine.proowner)
            ) as privileges
        from pg_catalog.pg_proc as routine
        where routine.oid in (
            'messaging.repeats_text(text, text)'::pg_catalog.regprocedure,
            'messaging.unexpected(text, text, text, text, text)'::pg_catalog.regprocedure,
            'messaging.record_call(text, timestamptz, jsonb, uuid, uuid, uuid, text)'
                ::pg_catalog.regprocedure,
            'messaging.maintain_event_log()'::pg_catalog.regprocedure
        )
        union all
        select
            class.oid::pg_catalog.regclass::text,
            class.relacl
        from pg_catalog.pg_class as class
        where class.oid in (
            'messaging.rpc_event_log'::pg_catalog.regclass,
            'messaging.event_log_settings'::pg_catalog.regclass
        )
            or class.oid in (
                select tree.relid
                from pg_catalog.pg_partition_tree('messaging.rpc_events') as tree
            )
    ) as thing
    cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where (
        entry.grantee = 0
        or role.rolname in ('anon', 'authenticated', 'service_role')
    )
        and (thing.name, role.rolname) is distinct from (
            'messaging.maintain_event_log()', 'service_role'
        );

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the event log is open to roles of the application',
            detail = v_differences;
    end if;
    if not pg_catalog.has_function_privilege(
        'service_role', 'messaging.maintain_event_log()', 'execute'
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'service_role may not call messaging.maintain_event_log()';
    end if;
    if (
        select pg_catalog.count(*)
        from messaging.event_log_settings
    ) <> 1 then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.event_log_settings has no row';
    end if;
    if not exists (
        select
        from pg_catalog.pg_partitioned_table as partitioned
        where partitioned.partrelid = 'messaging.rpc_events'::pg_catalog.regclass
            and partitioned.partstrat = 'r'
            and partitioned.partdefid = 'messaging.rpc_events_default'::pg_catalog.regclass
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.rpc_events is not partitioned by range with a default partition';
    end if;
end;
$privileges$;

do $recording$
declare
    v_id constant text := messaging.request_id();
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_text constant text := 'Nobody may read this in a log';
    v_answer jsonb;
    v_found text;
    v_in_use boolean;
begin
    -- On a standby calls answer all the same, but nothing can be recorded.
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;

    -- The maintenance locks partitions, and what is rolled back here holds its locks until then: it
    -- is proved on a log that nobody writes yet, and never in the way of calls.
    v_in_use := exists (
        select
        from messaging.rpc_events
    );
    if not v_in_use then
        begin
            lock table only messaging.rpc_events in share update exclusive mode nowait;
        exception
            when lock_not_available then
                v_in_use := true;
        end;
    end if;

    perform messaging.record_call(
        'startHelpConversation',
        pg_catalog.clock_timestamp(),
        messaging.success(
            v_id, 'Done', pg_catalog.jsonb_build_object('conversation_id', v_user)
        ),
        v_user,
        p_version => 'v2'
    );
    perform messaging.record_call(
        'sendMessage',
        pg_catalog.clock_timestamp(),
        messaging.failure(v_id, 'not_found', 'any', 'Not there'),
        null
    );
    v_answer := messaging.record_call(
        'sendMessage',
        pg_catalog.clock_timestamp(),
        messaging.unexpected(v_id, 'Failed', 'XX001', 'refused: "nobody may read"', v_text),
        v_user
    );
    if v_answer ? 'internal' or v_answer::text like '%XX001%' then
        raise exception using
            errcode = 'assert_failure',
            message = 'an answer shows what is for the log alone',
            detail = v_answer::text;
    end if;

    select pg_catalog.string_agg(
        pg_catalog.concat_ws(
            ' ',
            logged.entry ->> 'service',
            logged.entry ->> 'method',
            logged.entry ->> 'event',
            logged.entry ->> 'code',
            logged.entry ->> 'version',
            logged.entry ->> 'sqlstate',
            logged.entry ->> 'error'
        ),
        E'\n'
        order by logged.occurred_at
    )
    into v_found
    from messaging.rpc_event_log as logged
    where logged.request_id = v_id;

    if v_found is distinct from
        'MessagingServiceV2 startHelpConversation success v2' || E'\n'
        'MessagingServiceV2 sendMessage function_error not_found Not there' || E'\n'
        'MessagingServiceV2 sendMessage server_error server_error XX001 '
        '[redacted: the error repeats the text of a message]'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'the event log does not say what was recorded',
            detail = v_found;
    end if;

    -- A day that has no partition, and will have none for long.
    insert into messaging.rpc_events (
        occurred_at, request_id, service, method, event, duration_ms
    )
    values (
        '2999-12-31T23:59:59Z', v_id, 'MessagingServiceV2', 'sendMessage', 'success', 0
    )
    returning rpc_events.tableoid::pg_catalog.regclass::text into v_found;
    if v_found is distinct from 'messaging.rpc_events_default' then
        raise exception using
            errcode = 'assert_failure',
            message = 'a day without a partition does not go to the default one',
            detail = v_found;
    end if;
    if v_in_use then
        return;
    end if;
    perform messaging.maintain_event_log();
    select logged.tableoid::pg_catalog.regclass::text
    into v_found
    from messaging.rpc_events as logged
    where logged.request_id = v_id
        and logged.occurred_at > '2999-12-31T00:00:00Z';
    if v_found is distinct from 'messaging.rpc_events_29991231' then
        raise exception using
            errcode = 'assert_failure',
            message = 'the maintenance does not bring rows to the partition of their day',
            detail = v_found;
    end if;
exception
    -- The application is in the way of the maintenance, so this is not the moment to prove it.
    when lock_not_available then
        null;
end;
$recording$;

rollback;
