-- Deploy care_collective_messaging:prerequisites to pg
--
-- What: check that the database has everything messaging V2 stands on; create nothing.
-- Why: a deploy that fails on the third missing object, with a message about that one alone, costs
--     three rounds. This one names all that is missing, and how to get it, before anything is made.
-- Requires: nothing.
-- Transaction: yes.

begin;

do $prerequisites$
declare
    v_missing text;
    v_remedies text;
    v_count integer;
    v_absent text;
begin
    with role_wanted (name) as (
        values ('anon'), ('authenticated'), ('service_role')
    ),
    -- Looked up in the catalogue, because to_regclass() raises where the schema may not be used.
    table_wanted (name, refers, locks, oid) as (
        select
            wanted.schema_name || '.' || wanted.table_name,
            wanted.refers,
            wanted.locks,
            relation.oid
        from (
            values
                ('auth', 'users', true, false),
                ('public', 'profiles', false, false),
                ('public', 'help_requests', true, true)
        ) as wanted (schema_name, table_name, refers, locks)
        left join pg_catalog.pg_namespace as namespace
            on namespace.nspname = wanted.schema_name
        left join pg_catalog.pg_class as relation
            on relation.relnamespace = namespace.oid
            and relation.relname = wanted.table_name
            and relation.relkind in ('r', 'p')
    ),
    identity (oid) as (
        select routine.oid
        from pg_catalog.pg_proc as routine
        join pg_catalog.pg_namespace as namespace
            on namespace.oid = routine.pronamespace
        where namespace.nspname = 'auth'
            and routine.proname = 'uid'
            and routine.pronargs = 0
            and routine.prorettype = 'pg_catalog.uuid'::pg_catalog.regtype
    ),
    column_wanted (table_name, name, type_name) as (
        values
            ('auth.users', 'id', 'uuid'),
            ('public.profiles', 'id', 'uuid'),
            ('public.profiles', 'verification_status', null),
            ('public.help_requests', 'id', 'uuid'),
            ('public.help_requests', 'user_id', 'uuid'),
            ('public.help_requests', 'title', null),
            ('public.help_requests', 'category', null),
            ('public.help_requests', 'urgency', null),
            ('public.help_requests', 'status', null)
    ),
    migrator as (
        select
            role.rolname as name,
            role.rolsuper or role.rolbypassrls as bypasses
        from pg_catalog.pg_roles as role
        where role.rolname = current_user
    ),
    finding (held, thing, remedy) as (
        select
            pg_catalog.current_setting('server_version_num')::integer >= 150000,
            'PostgreSQL 15 or later',
            'upgrade the server, which is ' || pg_catalog.current_setting('server_version')
        union all
        select
            pg_catalog.current_setting('server_encoding') = 'UTF8',
            'encoding UTF8',
            pg_catalog.format(
                'create database ... encoding ''UTF8'' template template0; this one is %s',
                pg_catalog.current_setting('server_encoding')
            )
        union all
        select
            pg_catalog.to_regrole(role_wanted.name) is not null,
            'role ' || role_wanted.name,
            pg_catalog.format('create role %I nologin noinherit', role_wanted.name)
        from role_wanted
        union all
        select
            not (role.rolsuper or role.rolbypassrls),
            pg_catalog.format('row level security for role %s', role.rolname),
            pg_catalog.format('alter role %I nosuperuser nobypassrls', role.rolname)
        from pg_catalog.pg_roles as role
        where role.rolname in ('anon', 'authenticated')
        union all
        select
            pg_catalog.to_regnamespace('auth') is not null,
            'schema auth',
            'Supabase Auth makes it'
        union all
        select
            exists (select from identity),
            'function auth.uid() returning uuid',
            'Supabase Auth makes it; it answers the "sub" of request.jwt.claims'
        union all
        select
            table_wanted.oid is not null,
            'table ' || table_wanted.name,
            case table_wanted.name
                when 'auth.users' then 'Supabase Auth makes it'
                else 'deploy the schema of the application first'
            end
        from table_wanted
        union all
        select
            exists (
                select
                from pg_catalog.pg_attribute as attribute
                where attribute.attrelid = table_wanted.oid
                    and attribute.attname = column_wanted.name
                    and not attribute.attisdropped
                    and case
                        when column_wanted.type_name is not null then
                            attribute.atttypid = pg_catalog.to_regtype(column_wanted.type_name)
                        else exists (
                            select
                            from pg_catalog.pg_type as type
                            where type.oid = attribute.atttypid
                                and type.typcategory in ('S', 'E')
                        )
                    end
            ),
            pg_catalog.format(
                'column %s.%s (%s)',
                column_wanted.table_name,
                column_wanted.name,
                coalesce(column_wanted.type_name, 'text or enum')
            ),
            'alter table ' || column_wanted.table_name || ' add, or alter, the column'
        from column_wanted
        join table_wanted
            on table_wanted.name = column_wanted.table_name
            and table_wanted.oid is not null
        union all
        select
            exists (
                select
                from pg_catalog.pg_index as index
                join pg_catalog.pg_attribute as attribute
                    on attribute.attrelid = index.indrelid
                    and attribute.attnum = index.indkey[0]
                where index.indrelid = table_wanted.oid
                    and index.indisunique
                    and index.indimmediate
                    and index.indnkeyatts = 1
                    and index.indpred is null
                    and attribute.attname = 'id'
            ),
            pg_catalog.format('primary key %s (id)', table_wanted.name),
            pg_catalog.format('alter table %s add primary key (id)', table_wanted.name)
        from table_wanted
        where table_wanted.refers
            and table_wanted.oid is not null
        union all
        select
            pg_catalog.has_any_column_privilege(table_wanted.oid, wanted.privilege),
            pg_catalog.format('privilege %s on %s', wanted.privilege, table_wanted.name),
            pg_catalog.format(
                'grant %s on table %s to %I', wanted.privilege, table_wanted.name, migrator.name
            )
        from table_wanted
        cross join migrator
        cross join (values ('select'), ('references'), ('update')) as wanted (privilege)
        where table_wanted.oid is not null
            and case wanted.privilege
                when 'select' then table_wanted.name <> 'auth.users'
                when 'references' then table_wanted.refers
                -- A function of V2 locks the request that it answers.
                else table_wanted.locks
            end
        union all
        select
            migrator.bypasses
                or not relation.relrowsecurity
                or (
                    pg_catalog.pg_has_role(relation.relowner, 'usage')
                    and not relation.relforcerowsecurity
                ),
            'sight of all rows of ' || table_wanted.name,
            pg_catalog.format(
                'alter role %I bypassrls, or migrate as the owner of the table', migrator.name
            )
        from table_wanted
        join pg_catalog.pg_class as relation
            on relation.oid = table_wanted.oid
        cross join migrator
        where table_wanted.name <> 'auth.users'
        union all
        select
            pg_catalog.has_schema_privilege(namespace.oid, wanted.privilege),
            pg_catalog.format('privilege %s on schema %s', wanted.privilege, namespace.nspname),
            pg_catalog.format(
                'grant %s on schema %I to %I', wanted.privilege, namespace.nspname, migrator.name
            )
        from pg_catalog.pg_namespace as namespace
        cross join migrator
        join (values ('auth', 'usage'), ('public', 'usage'), ('public', 'create')) as wanted (
            schema_name, privilege
        )
            on wanted.schema_name = namespace.nspname
        union all
        select
            pg_catalog.has_function_privilege(identity.oid, 'execute'),
            'privilege execute on function auth.uid()',
            pg_catalog.format('grant execute on function auth.uid() to %I', migrator.name)
        from identity
        cross join migrator
        union all
        select
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
            'privilege create on the database',
            pg_catalog.format(
                'grant create on database %I to %I', pg_catalog.current_database(), migrator.name
            )
        from migrator
        union all
        select
            publication.puballtables or pg_catalog.pg_has_role(publication.pubowner, 'usage'),
            'ownership of publication supabase_realtime',
            pg_catalog.format('alter publication supabase_realtime owner to %I', migrator.name)
        from pg_catalog.pg_publication as publication
        cross join migrator
        where publication.pubname = 'supabase_realtime'
    )
    select
        pg_catalog.string_agg(finding.thing, ', '),
        pg_catalog.string_agg(
            pg_catalog.format('%s: %s', finding.thing, finding.remedy), E'\n'
        ),
        pg_catalog.count(*)
    into
        v_missing,
        v_remedies,
        v_count
    from finding
    where finding.held is not true;

    if v_count > 0 then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = pg_catalog.format(
                'messaging V2 misses %s prerequisite(s) in database %I: %s',
                v_count,
                pg_catalog.current_database(),
                v_missing
            ),
            detail = v_remedies,
            hint = 'A Supabase project has the roles, schema auth and its contents. A plain '
                'PostgreSQL for development or tests gets all of it from the files of '
                'sql/platform, applied in name order by a superuser. Nothing was created.';
    end if;

    select pg_catalog.string_agg(optional.thing || optional.consequence, '; ')
    into v_absent
    from (
        values
            ('public.conversations', ' (no V1 conversations are shown or started)'),
            ('public.conversation_participants', ' (likewise)'),
            ('public.messages', ' (likewise)'),
            ('public.user_restrictions', ' (nobody is restricted)')
    ) as optional (thing, consequence)
    where pg_catalog.to_regclass(optional.thing) is null;

    if v_absent is not null then
        raise notice 'messaging V2 does without: %', v_absent;
    end if;
    if not exists (
        select
        from pg_catalog.pg_publication as publication
        where publication.pubname = 'supabase_realtime'
    ) then
        raise notice
            'messaging V2 does without: publication supabase_realtime (nothing is streamed)';
    end if;
end;
$prerequisites$;

commit;
