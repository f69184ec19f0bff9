-- Verify care_collective_messaging:rules_at_once on pg
--
-- What: compare the row with what it is made of, before and after limits and patterns change in each
--     way; look who may read it.
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
        'select messaging.set_content_pattern(''verify_word'', ''profanity'', ''zqxj(.)\1'')',
        'select messaging.set_content_pattern(''verify_link'', ''link'', ''verify://(x)'', ''fy:'')',
        'select messaging.remove_content_pattern(''verify_word'')',
        'truncate messaging.content_patterns'
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
