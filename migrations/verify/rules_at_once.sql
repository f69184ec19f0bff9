-- Verify care_collective_messaging:rules_at_once on pg
--
-- What: compare the row with what it is made of, before and after limits and patterns change, and with
--     texts that have to be looked at; look which changes are watched, and who may read it.
-- Why: a call that is written at once asks nothing else.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $row$
declare
    v_statement text;
    v_kept jsonb;
    v_expected jsonb;
begin
    foreach v_statement in array array[
        'nothing',
        'select messaging.set_limit(''start_conversation'', 7, ''7 minutes'')',
        'delete from messaging.limits where action = ''send_message''',
        'delete from messaging.content_patterns',
        'select messaging.set_content_pattern(''verify_word'', ''profanity'', ''zqxj(.)\1'')',
        'select messaging.set_content_pattern(''verify_link'', ''link'', ''verify://(x)'', ''fy:'')'
    ] loop
        if v_statement <> 'nothing' then
            exit when pg_catalog.pg_is_in_recovery();
            execute v_statement;
        end if;
        v_kept := (select pg_catalog.to_jsonb(rules) from messaging.rules_at_once as rules);
        v_expected := pg_catalog.to_jsonb(messaging.read_rules_at_once());
        if v_kept is distinct from v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = 'messaging.rules_at_once is not what limits and patterns say after '
                    || v_statement,
                detail = pg_catalog.format('expected %s, found %s', v_expected, v_kept),
                hint = 'update messaging.limits set maximum = maximum;';
        end if;
    end loop;
end;
$row$;

-- With the two patterns of the last statements.
do $texts$
declare
    v_wrong text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    select written.text
    into v_wrong
    from (
        values
            ('A ZQXJAA here', true),
            ('very FY: that', true),
            ('zqxjab verify', false)
    ) as written (text, is_prohibited)
    cross join messaging.rules_at_once as rules
    where (written.text ~* any (rules.prohibited)) is distinct from written.is_prohibited;
    if found then
        raise exception using
            errcode = 'assert_failure',
            message = pg_catalog.format('%L is taken for what it is not', v_wrong);
    end if;
end;
$texts$;

-- Not tried: a truncate that waits for its lock would make every call behind it wait.
do $truncate$
declare
    v_missing text;
begin
    select pg_catalog.string_agg(watched.name::text, ', ')
    into v_missing
    from pg_catalog.unnest(
        array['messaging.limits', 'messaging.content_patterns']::pg_catalog.regclass []
    ) as watched (name)
    where not exists (
        select
        from pg_catalog.pg_trigger as watching
        where watching.tgrelid = watched.name
            and watching.tgfoid = 'messaging.keep_rules_at_once'::pg_catalog.regproc
            -- After each statement, a truncate among them: bits of pg_trigger.h.
            and watching.tgtype & 99 = 32
            and watching.tgenabled in ('O', 'A')
    );
    if v_missing is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'nobody notices when these are truncated: ' || v_missing;
    end if;
end;
$truncate$;

do $privileges$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s on %s: expected nothing, found %s',
            coalesce(role.rolname, 'public'),
            thing.name,
            entry.privilege_type
        ),
        E'\n'
        order by
            thing.name,
            role.rolname,
            entry.privilege_type
    )
    into v_differences
    from (
        select
            routine.oid::pg_catalog.regprocedure::text as name,
            coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner)) as privileges
        from pg_catalog.pg_proc as routine
        where routine.oid in (
            'messaging.prohibited_at_once()'::pg_catalog.regprocedure,
            'messaging.read_rules_at_once()'::pg_catalog.regprocedure,
            'messaging.keep_rules_at_once()'::pg_catalog.regprocedure
        )
        union all
        select
            class.oid::pg_catalog.regclass::text,
            class.relacl
        from pg_catalog.pg_class as class
        where class.oid = 'messaging.rules_at_once'::pg_catalog.regclass
    ) as thing
    cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where entry.grantee = 0
        or role.rolname in ('anon', 'authenticated', 'service_role');

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the privileges on messaging.rules_at_once are not those they must be',
            detail = v_differences;
    end if;
end;
$privileges$;

rollback;
