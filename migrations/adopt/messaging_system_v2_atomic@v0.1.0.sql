-- Adopt care_collective_messaging:messaging_system_v2_atomic on pg
--
-- What: pass where there is a table conversations_v2 that the mending change can bring into shape,
--     whatever its columns, constraints and functions are like otherwise.
-- Why: tables made by hand, or by `supabase db push`, stand in the way of the deploy script.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_handmade_schema

begin;

set local search_path = '';

do $there$
declare
    v_difference text;
begin
    -- Later changes have given the functions of this one further versions.
    if pg_catalog.to_regclass('messaging.error_codes') is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'changes that are planned after mend_handmade_schema are in the database';
    end if;

    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s.%s: expected %s, found %s',
            wanted.relation,
            wanted.name,
            pg_catalog.array_to_string(wanted.types, ' or '),
            coalesce(pg_catalog.format_type(attribute.atttypid, null), 'nothing')
        ),
        E'\n'
    )
    into v_difference
    from (
        values
            ('public.conversations_v2', 'id', array['uuid']),
            ('public.conversations_v2', 'help_request_id', array['uuid']),
            ('public.conversations_v2', 'helper_id', array['uuid']),
            (
                'public.conversations_v2',
                'initial_message',
                array['text', 'character varying']
            ),
            ('public.messages_v2', 'id', array['uuid']),
            ('public.messages_v2', 'conversation_id', array['uuid']),
            ('public.messages_v2', 'sender_id', array['uuid']),
            ('public.messages_v2', 'content', array['text', 'character varying'])
    ) as wanted (relation, name, types)
    left join pg_catalog.pg_attribute as attribute
        on attribute.attrelid = pg_catalog.to_regclass(wanted.relation)
        and attribute.attname = wanted.name
        and not attribute.attisdropped
    where (
        wanted.relation = 'public.conversations_v2'
        or pg_catalog.to_regclass(wanted.relation) is not null
    )
        and (
            pg_catalog.format_type(attribute.atttypid, null) = any (wanted.types)
        ) is not true;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'there is no table conversations_v2 that could be mended',
            detail = v_difference;
    end if;

    select pg_catalog.string_agg(
        pg_catalog.format('%s is no ordinary table', class.oid::pg_catalog.regclass), E'\n'
    )
    into v_difference
    from pg_catalog.pg_class as class
    where class.oid in (
        pg_catalog.to_regclass('public.conversations_v2'),
        pg_catalog.to_regclass('public.messages_v2'),
        pg_catalog.to_regclass('public.conversation_reads_v2')
    )
        and class.relkind <> 'r';

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_difference;
    end if;
end;
$there$;

rollback;
