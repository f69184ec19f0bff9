-- What: every function that is not PostgreSQL's own or an extension's, with who may call it.
-- Why: the attacks are made from the catalogue, so one that is added tomorrow is attacked too.
-- Parameters: roles (text[]), the roles that are asked about.
select
    function.oid::int8,
    schema.nspname::text as schema,
    function.proname::text as name,
    function.oid::regprocedure::text as signature,
    function.prokind::text as kind,
    function.prosecdef as definer,
    language.lanname::text as language,
    coalesce(pg_catalog.pg_get_function_sqlbody(function.oid), function.prosrc) as body,
    coalesce(function.proargnames, '{}')::text[] as names,
    coalesce(function.proargmodes::text[], '{}') as modes,
    coalesce(function.proallargtypes, function.proargtypes::oid[])::regtype[]::text[] as types,
    array(
        select type.typtype::text
        from pg_catalog.unnest(
            coalesce(function.proallargtypes, function.proargtypes::oid[])
        ) with ordinality as argument (type_oid, place)
        join pg_catalog.pg_type as type
            on type.oid = argument.type_oid
        order by argument.place
    ) as type_kinds,
    function.pronargdefaults::integer as defaults,
    array(
        select role
        from pg_catalog.unnest(%(roles)s::text[]) as role
        where pg_catalog.has_schema_privilege(role, schema.oid, 'usage')
            and pg_catalog.has_function_privilege(role, function.oid, 'execute')
    ) as callers,
    array[aggregate.aggtransfn, aggregate.aggfinalfn]::oid[]::int8[] as steps,
    coalesce(aggregate.aggkind in ('o', 'h'), false) as ordered
from pg_catalog.pg_proc as function
join pg_catalog.pg_namespace as schema
    on schema.oid = function.pronamespace
join pg_catalog.pg_language as language
    on language.oid = function.prolang
left join pg_catalog.pg_aggregate as aggregate
    on aggregate.aggfnoid = function.oid
where schema.nspname not in ('pg_catalog', 'information_schema')
    and schema.nspname not like 'pg\_temp\_%%'
    and not exists (
        select
        from pg_catalog.pg_depend as dependency
        where dependency.classid = 'pg_catalog.pg_proc'::regclass
            and dependency.objid = function.oid
            and dependency.deptype = 'e'
    )
order by schema.nspname, function.proname, function.oid;
