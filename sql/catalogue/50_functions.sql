-- What: functions and procedures, with their bodies and everything that was said about them.
-- Why: who edits a body by hand, or makes it run with other rights, changes what the calls do.
select
    routine.word || ' ' || routine.name as object,
    pg_catalog.format('schema %I', routine.nspname) as parent,
    routine.definition,
    routine.definition || ';' as creation,
    pg_catalog.format('drop %s %s;', routine.word, routine.name) as removal,
    routine.definition || ';' as replacement,
    -- Arguments and result cannot be replaced.
    pg_catalog.concat_ws(' returns ', routine.arguments, routine.result) as shape,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(routine.proowner)) as owner,
    pg_catalog.has_schema_privilege(routine.proowner, routine.pronamespace, 'create')
        as owner_creates,
    pg_catalog.obj_description(routine.oid, 'pg_proc') as comment,
    'pg_catalog.pg_proc'::pg_catalog.regclass::oid as class_id,
    routine.oid as object_id
from (
    select
        procedure.oid,
        procedure.proowner,
        procedure.pronamespace,
        namespace.nspname,
        procedure.oid::pg_catalog.regprocedure::text as name,
        case procedure.prokind
            when 'p' then 'procedure'
            else 'function'
        end as word,
        pg_catalog.rtrim(pg_catalog.pg_get_functiondef(procedure.oid), E'\n') as definition,
        pg_catalog.pg_get_function_arguments(procedure.oid) as arguments,
        pg_catalog.pg_get_function_result(procedure.oid) as result
    from pg_catalog.pg_proc as procedure
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = procedure.pronamespace
    where procedure.prokind <> 'a'
        and namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
        and not exists (
            select
            from pg_catalog.pg_depend as membership
            where membership.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                and membership.objid = procedure.oid
                and membership.deptype = 'e'
        )
) as routine;
