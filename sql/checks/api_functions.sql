-- What: the functions of schema public that the application calls have exactly this signature,
--     language, volatility and the rights of their owner, and no second form beside them.
-- Why: supabase.rpc() finds a function by the names of its arguments; as security invoker it would
--     fail on the internals; an overload of the name could be called in its place.
-- Silent: before the change that makes the function is deployed; about other functions in public.
with expected (since, until, signature, arguments, result, language, volatility) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'fix_v2_security_definer_auth@v0.1.0',
            'public.create_conversation_atomic(uuid,uuid,text)',
            'p_help_request_id uuid, p_helper_id uuid, p_initial_message text', 'jsonb', 'sql',
            'volatile'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'fix_v2_security_definer_auth@v0.1.0',
            'public.get_conversation_v2(uuid,uuid)', 'p_conversation_id uuid, p_user_id uuid',
            'jsonb', 'sql', 'volatile'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'fix_v2_security_definer_auth@v0.1.0',
            'public.send_message_v2(uuid,uuid,text)',
            'p_conversation_id uuid, p_sender_id uuid, p_content text', 'jsonb', 'sql', 'volatile'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', null,
            'public.create_conversation_atomic(uuid,uuid,text)',
            'p_help_request_id uuid, p_helper_id uuid, p_initial_message text', 'jsonb', 'plpgsql',
            'volatile'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', null, 'public.get_conversation_v2(uuid,uuid)',
            'p_conversation_id uuid, p_user_id uuid', 'jsonb', 'plpgsql', 'volatile'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', null, 'public.send_message_v2(uuid,uuid,text)',
            'p_conversation_id uuid, p_sender_id uuid, p_content text', 'jsonb', 'plpgsql',
            'volatile'
        ),
        ('error_codes', null, 'public.list_error_codes()', '', 'jsonb', 'sql', 'volatile'),
        (
            'rollout', null, 'public.is_messaging_v2_enabled(uuid)',
            'p_user_id uuid DEFAULT auth.uid()', 'boolean', 'plpgsql', 'stable'
        ),
        (
            'conversation_status', null, 'public.set_conversation_status_v2(uuid,uuid,text)',
            'p_conversation_id uuid, p_user_id uuid, p_status text', 'jsonb', 'plpgsql', 'volatile'
        ),
        (
            'conversation_reading', null, 'public.get_messages_v2(uuid,uuid,text,integer,text)',
            'p_conversation_id uuid, p_user_id uuid, p_cursor text DEFAULT NULL::text, p_limit '
            'integer DEFAULT 50, p_direction text DEFAULT ''older''::text',
            'jsonb', 'plpgsql', 'stable'
        ),
        (
            'conversation_reading', null, 'public.list_conversations_v2(uuid,integer,integer)',
            'p_user_id uuid, p_page integer DEFAULT 1, p_limit integer DEFAULT 20', 'jsonb',
            'plpgsql', 'stable'
        ),
        (
            'conversation_reading', null, 'public.mark_conversation_read_v2(uuid,uuid)',
            'p_conversation_id uuid, p_user_id uuid', 'jsonb', 'plpgsql', 'volatile'
        ),
        (
            'start_help_conversation', null, 'public.start_help_conversation(uuid,text)',
            'p_help_request_id uuid, p_initial_message text', 'jsonb', 'plpgsql', 'volatile'
        ),
        (
            'send_message', null, 'public.send_message(uuid,text,uuid)',
            'p_conversation_id uuid, p_content text, p_client_message_id uuid DEFAULT NULL::uuid',
            'jsonb', 'plpgsql', 'volatile'
        ),
        (
            'merged_reading', null, 'public.get_conversation_version(uuid)',
            'p_conversation_id uuid', 'text', 'plpgsql', 'stable'
        ),
        (
            'merged_reading', null, 'public.get_messages(uuid,text,integer,text)',
            'p_conversation_id uuid, p_cursor text DEFAULT NULL::text, p_limit integer DEFAULT '
            '50, p_direction text DEFAULT ''older''::text',
            'jsonb', 'plpgsql', 'stable'
        ),
        (
            'merged_reading', null, 'public.list_conversations(integer,integer)',
            'p_page integer DEFAULT 1, p_limit integer DEFAULT 20', 'jsonb', 'plpgsql', 'stable'
        )
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and (expected.until = any(%(deployed)s::text [])) is not true
),

actual as (
    select
        routine.oid::regprocedure::text as signature,
        pg_catalog.pg_get_function_arguments(routine.oid) as arguments,
        pg_catalog.pg_get_function_result(routine.oid) as result,
        language.lanname as language,
        case routine.provolatile
            when 'i' then 'immutable'
            when 's' then 'stable'
            else 'volatile'
        end as volatility,
        case when routine.prosecdef then 'definer' else 'invoker' end as security,
        routine.proisstrict as is_strict,
        routine.proleakproof as is_leakproof,
        routine.proparallel <> 'u' as is_parallel,
        routine.prokind <> 'f' as is_other
    from pg_catalog.pg_proc as routine
    inner join pg_catalog.pg_language as language
        on routine.prolang = language.oid
    where routine.pronamespace = pg_catalog.to_regnamespace('public')
        and routine.oid = any(%(functions)s::oid [])
),

compared as (
    select
        expected.since,
        expected.signature,
        actual.signature is null as is_missing,
        expected.volatility as wanted_volatility,
        pg_catalog.concat_ws(
            ', ',
            case when actual.is_other then 'is no plain function' end,
            case
                when actual.arguments <> expected.arguments
                    then 'takes (' || actual.arguments || '), not (' || expected.arguments || ')'
            end,
            case
                when actual.result <> expected.result
                    then 'returns ' || actual.result || ', not ' || expected.result
            end,
            case
                when actual.language <> expected.language
                    then 'is in ' || actual.language || ', not ' || expected.language
            end
        ) as replaced,
        pg_catalog.concat_ws(
            ', ',
            case
                when actual.security = 'invoker'
                    then 'is security invoker, so that callers lack the rights it needs'
            end,
            case
                when actual.volatility <> expected.volatility
                    then 'is ' || actual.volatility || ', not ' || expected.volatility
            end,
            case when actual.is_strict then 'is strict, and would answer null to a null' end,
            case when actual.is_leakproof then 'is called leakproof' end,
            case when actual.is_parallel then 'is not parallel unsafe' end
        ) as altered
    from in_force as expected
    left join actual
        on expected.signature = actual.signature
)

select
    'error' as level,
    'function ' || signature as object,
    case when is_missing then 'is missing' else replaced end as detail,
    'Run its `create or replace function ' || pg_catalog.split_part(signature, '(', 1)
    || '` again, with its revoke and grant, from the last deployed change that has it: '
    'migrations/deploy/' || since || '.sql or a later one.' as remediation
from compared
where is_missing or replaced <> ''
union all
select
    'error',
    'function ' || signature,
    altered,
    'alter function ' || signature || ' ' || wanted_volatility
    || ' called on null input security definer not leakproof parallel unsafe;'
from compared
where altered <> ''
union all
select
    'error',
    'function ' || actual.signature,
    'is no function of the plan, but has the name of one',
    'drop function ' || actual.signature || ';'
from actual
where not exists (
    select
    from in_force as expected
    where expected.signature = actual.signature
)
order by object, detail;
