-- Verify care_collective_messaging:moderation on pg
--
-- What: prohibit a word and a kind of link, allow a domain, and check texts with them; write a
--     pattern that does not compile, which must fail; look who may do what.
-- Why: the patterns that came with the deploy may have been edited since; what they do must not.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $content$
declare
    v_text text;
    v_expected text;
    v_answer jsonb;
begin
    if messaging.plain_letters(U&'\FF35\00AD\0301\0665\2013\200B1') is distinct from 'U5-1' then
        raise exception using
            errcode = 'assert_failure',
            message = 'letters in another form are not made plain';
    end if;
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;

    delete from messaging.content_patterns;
    perform messaging.set_content_pattern('verify_word', 'profanity', '\mzqxj(?:kv)?\M', 'zqxj');
    perform messaging.set_content_pattern('verify_link', 'link', 'verify://(?:x@)?([^\s/]+)');
    perform messaging.allow_link_domain('Verify.Example');

    for v_text, v_expected in
        values
            ('I can come at 10:30', null),
            ('zqxjk', null),
            ('What a ZQXJKV!', 'profanity'),
            (U&'\FF3A\FF31\FF38\FF2A', 'profanity'),
            ('verify://verify.example/1 and verify://x@www.verify.example.', null),
            ('verify://verify.example and verify://verify.example.org', 'link'),
            ('verify://notverify.example', 'link'),
            ('verify://www.example', 'link'),
            ('', null),
            (null, null)
    loop
        v_answer := messaging.check_content('verify', v_text);
        if v_answer ->> 'category' is distinct from v_expected
            or v_expected is not null
            and v_answer is distinct from messaging.failure(
                'verify',
                'validation_error',
                'prohibited_content',
                'Message contains prohibited content',
                pg_catalog.jsonb_build_object('category', v_expected)
            )
        then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'the category of %L is not %s', v_text, coalesce(v_expected, 'none')
                ),
                detail = coalesce(v_answer::text, 'null');
        end if;
    end loop;
end;
$content$;

do $refusals$
declare
    v_statement text;
    v_expected text;
    v_state text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    for v_statement, v_expected in
        values
            ('select messaging.set_content_pattern(''verify'', ''link'', ''(x'')', '2201B'),
            ('select messaging.set_content_pattern(''verify'', ''link'', ''x'', ''[x'')', '2201B'),
            ('select messaging.set_content_pattern(''verify'', ''link'', ''x*'')', '2201B'),
            ('select messaging.set_content_pattern(''verify'', ''rude'', ''x'')', '23514'),
            ('select messaging.allow_link_domain(''https://verify.example'')', '23514'),
            ('select messaging.allow_link_domain(''example'')', '23514')
    loop
        v_state := 'nothing';
        begin
            execute v_statement;
        exception
            when others then
                v_state := sqlstate;
        end;
        if v_state <> v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    '%s raises %s, not %s', v_statement, v_state, v_expected
                );
        end if;
    end loop;
end;
$refusals$;

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
            ('service_role on messaging.set_content_pattern(text,text,text,text)', 'EXECUTE'),
            ('service_role on messaging.remove_content_pattern(text)', 'EXECUTE'),
            ('service_role on messaging.allow_link_domain(text)', 'EXECUTE'),
            ('service_role on messaging.disallow_link_domain(text)', 'EXECUTE')
    ) as expected (object, definition)
    full join (
        select
            pg_catalog.format('%s on %s', coalesce(role.rolname, 'public'), thing.name) as object,
            pg_catalog.string_agg(
                entry.privilege_type, ', ' order by entry.privilege_type
            ) as definition
        from (
            select
                routine.oid::pg_catalog.regprocedure::text as name,
                coalesce(
                    routine.proacl, pg_catalog.acldefault('f', routine.proowner)
                ) as privileges
            from pg_catalog.pg_proc as routine
            where routine.oid in (
                'messaging.plain_letters(text)'::pg_catalog.regprocedure,
                'messaging.is_allowed_host(text)'::pg_catalog.regprocedure,
                'messaging.check_content(text,text)'::pg_catalog.regprocedure,
                'messaging.set_content_pattern(text,text,text,text)'::pg_catalog.regprocedure,
                'messaging.remove_content_pattern(text)'::pg_catalog.regprocedure,
                'messaging.allow_link_domain(text)'::pg_catalog.regprocedure,
                'messaging.disallow_link_domain(text)'::pg_catalog.regprocedure
            )
            union all
            select
                class.oid::pg_catalog.regclass::text,
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid in (
                'messaging.content_patterns'::pg_catalog.regclass,
                'messaging.allowed_link_domains'::pg_catalog.regclass
            )
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
            message = 'the privileges on moderation are not those they must be',
            detail = v_differences;
    end if;

    select pg_catalog.string_agg(routine.oid::pg_catalog.regprocedure::text, ', ')
    into v_differences
    from pg_catalog.pg_proc as routine
    where routine.oid in (
            'messaging.set_content_pattern(text,text,text,text)'::pg_catalog.regprocedure,
            'messaging.remove_content_pattern(text)'::pg_catalog.regprocedure,
            'messaging.allow_link_domain(text)'::pg_catalog.regprocedure,
            'messaging.disallow_link_domain(text)'::pg_catalog.regprocedure
    )
        and (
            not routine.prosecdef
            or routine.proconfig is distinct from array['search_path=""']
        );

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'not security definer with an empty search_path alone: ' || v_differences;
    end if;
end;
$privileges$;

rollback;
