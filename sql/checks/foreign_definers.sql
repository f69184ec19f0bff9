-- What: no function of others that everybody may call reaches our tables with the rights of its
--     owner and without a word about who calls; nor runs what it is given, which may reach them.
-- Why: it would be a way past every policy and every check of ours.
-- Silent: where its text asks auth.uid(), auth.jwt() or the claims; whether it asks rightly is for
--     the probes. About what comments say, about triggers, about functions that callers run with
--     their own rights, about those that name neither our tables nor schema messaging, and about
--     statements that get what the caller gives as a value, by USING or quoted.
with callable as (
    select
        routine.oid,
        pg_catalog.regexp_replace(
            pg_catalog.lower(
                coalesce(pg_catalog.pg_get_function_sqlbody(routine.oid), routine.prosrc)
            ),
            '--[^\n]*|/\*.*?\*/',
            '',
            'g'
        ) as body,
        (
            select pg_catalog.string_agg(pg_catalog.lower(argument.name), '|')
            from pg_catalog.unnest(routine.proargnames) as argument (name)
            where argument.name ~ '^\w+$'
        ) as arguments,
        routine.proargtypes::oid []
        && array['text'::regtype, 'varchar'::regtype, 'json'::regtype, 'jsonb'::regtype]::oid []
            as takes_texts
    from pg_catalog.pg_proc as routine
    where routine.prosecdef
        and not routine.oid = any(%(functions)s::oid [])
        and routine.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        and exists (
            select
            from pg_catalog.pg_roles as role
            where role.rolname in ('anon', 'authenticated')
                and pg_catalog.has_function_privilege(role.oid, routine.oid, 'execute')
                and pg_catalog.has_schema_privilege(role.oid, routine.pronamespace, 'usage')
        )
),

reaching as (
    select
        callable.oid::regprocedure::text as signature,
        case
            when callable.body
                ~ '\m(messaging\s*\.|conversations_v2\M|messages_v2\M|conversation_reads_v2\M)'
                then 'reaches our tables'
            when callable.takes_texts
                and callable.body ~ (
                    '\mexecute(\s|\M((?!\musing\M)[^;])*(\|\||format\s*\([^;]*%%s[^;]*,))\s*('
                    || callable.arguments || ')\M'
                )
                then 'runs what it is given'
        end as deed
    from callable
    where callable.body !~ '\mauth\s*\.\s*(uid|jwt)\M|\mrequest\.jwt\M'
)

select
    'error' as level,
    'function ' || reaching.signature as object,
    'is not of the plan, ' || reaching.deed || ' with the rights of its owner, and asks nobody who '
    'is calling' as detail,
    'revoke execute on function ' || reaching.signature || ' from public, anon, authenticated;'
        as remediation
from reaching
where reaching.deed is not null
    and exists (
        select
        from pg_catalog.pg_class as class
        where class.oid = any(%(relations)s::oid [])
    )
order by object;
