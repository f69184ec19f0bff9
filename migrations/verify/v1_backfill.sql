-- Verify care_collective_messaging:v1_backfill on pg
--
-- What: look who may call what and how it is pinned, and run each function over a range of ids in
--     which there is nothing to copy.
-- Why: plpgsql checks a statement when it first runs, so a function that was created may still
--     name a column that V1 or V2 has not got.
-- Requires: nothing; where the V1 tables are missing, what reads them is not run.
-- Transaction: yes, rolled back.

begin;

do $privileges$
declare
    v_difference text;
begin
    with expected (name, is_definer, callers) as (
        values
            ('messaging.v1_is_there()', false, ''),
            ('messaging.v1_conversations_between(uuid, uuid)', false, ''),
            ('messaging.v1_messages_between(uuid, uuid)', false, ''),
            ('messaging.v1_reads_between(uuid, uuid)', false, ''),
            ('messaging.copy_v1_conversations(uuid, uuid)', false, ''),
            (
                'messaging.copy_v1_messages(uuid, timestamptz, uuid, uuid, timestamptz, uuid)',
                false,
                ''
            ),
            ('messaging.copy_v1_reads(uuid, uuid)', false, ''),
            ('messaging.backfill_conversations(integer, boolean)', true, 'service_role'),
            ('messaging.backfill_progress()', true, 'service_role'),
            ('messaging.reconcile_backfill(timestamptz)', true, 'service_role')
    ),
    actual as (
        select
            expected.name,
            procedure.prosecdef,
            'search_path=""' = any (procedure.proconfig) as is_pinned,
            coalesce(
                (
                    select pg_catalog.string_agg(
                        coalesce(role.rolname, 'public'), ', ' order by role.rolname
                    )
                    from pg_catalog.aclexplode(
                        coalesce(
                            procedure.proacl, pg_catalog.acldefault('f', procedure.proowner)
                        )
                    ) as entry
                    left join pg_catalog.pg_roles as role
                        on role.oid = entry.grantee
                    where entry.grantee = 0
                        or role.rolname in ('anon', 'authenticated', 'service_role')
                ),
                ''
            ) as callers
        from expected
        join pg_catalog.pg_proc as procedure
            on procedure.oid = pg_catalog.to_regprocedure(expected.name)
    )
    select pg_catalog.format(
        '%s: definer %s, pinned %s, callers (%s)',
        expected.name,
        coalesce(actual.prosecdef::text, 'missing'),
        coalesce(actual.is_pinned::text, 'no'),
        actual.callers
    )
    into v_difference
    from expected
    left join actual using (name)
    where (expected.is_definer, true, expected.callers)
        is distinct from (actual.prosecdef, actual.is_pinned, actual.callers)
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a function of the backfill is not what it must be: ' || v_difference;
    end if;

    select pg_catalog.format('%s of %s', entry.privilege_type, class.relname)
    into v_difference
    from pg_catalog.pg_class as class
    cross join lateral pg_catalog.aclexplode(class.relacl) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where class.oid in (
        'messaging.v1_backfill_conversations'::pg_catalog.regclass,
        'messaging.v1_backfill_progress'::pg_catalog.regclass
    )
        and (entry.grantee = 0 or role.rolname in ('anon', 'authenticated', 'service_role'))
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a table of the backfill is open to others: ' || v_difference;
    end if;
end;
$privileges$;

do $progress$
declare
    v_rows bigint;
begin
    select pg_catalog.count(*)
    into v_rows
    from messaging.v1_backfill_progress;
    if v_rows <> 1 then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.v1_backfill_progress has not got its one row';
    end if;
    begin
        perform messaging.backfill_conversations(0);
    exception
        when invalid_parameter_value then
            return;
    end;
    raise exception using
        errcode = 'assert_failure',
        message = 'messaging.backfill_conversations() takes a limit of 0';
end;
$progress$;

do $statements$
declare
    -- Version 4 and version 8 keys are all above it.
    v_nothing constant uuid := '00000000-0000-0000-0000-000000000000';
    v_rows bigint;
begin
    if not messaging.v1_is_there() then
        return;
    end if;
    select
        (select pg_catalog.count(*) from messaging.v1_conversations_between(v_nothing, v_nothing))
        + (select pg_catalog.count(*) from messaging.v1_messages_between(v_nothing, v_nothing))
        + (select pg_catalog.count(*) from messaging.v1_reads_between(v_nothing, v_nothing))
        + (
            select done.conversations
            from messaging.copy_v1_conversations(v_nothing, v_nothing) as done
        )
    into v_rows;
    perform messaging.copy_v1_messages(
        v_nothing, '-infinity', v_nothing, v_nothing, 'infinity', v_nothing
    );
    perform messaging.copy_v1_reads(v_nothing, v_nothing);
    if v_rows is distinct from 0 then
        raise exception using
            errcode = 'assert_failure',
            message = 'the backfill finds something to copy where there is nothing';
    end if;
end;
$statements$;

rollback;
