-- The functions of schema public that a role of Supabase may call, with what is known of each.
select routine.proname,
       pg_catalog.obj_description(routine.oid, 'pg_proc'),
       array(
           select pg_catalog.jsonb_build_object(
                      'name', argument.name,
                      'type', pg_catalog.format_type(argument.type, null),
                      'default', pg_catalog.pg_get_function_arg_default(
                          routine.oid, argument.place::integer
                      )
                  )
             from unnest(
                      routine.proargnames, routine.proargtypes::oid[]
                  ) with ordinality as argument (name, type, place)
            order by argument.place
       ),
       pg_catalog.format_type(routine.prorettype, null),
       array(
           select role.name
             from unnest(array['anon', 'authenticated', 'service_role'])
                  with ordinality as role (name, place)
            where pg_catalog.has_function_privilege(role.name, routine.oid, 'execute')
            order by role.place
       )
  from pg_catalog.pg_proc as routine
 where routine.pronamespace = 'public'::pg_catalog.regnamespace
   and routine.prokind = 'f'
   and pg_catalog.has_function_privilege('authenticated', routine.oid, 'execute')
   and not exists (
           select
             from pg_catalog.pg_depend as dependency
            where dependency.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
              and dependency.objid = routine.oid
              and dependency.deptype = 'e'
       )
 order by routine.proname, routine.oid;
