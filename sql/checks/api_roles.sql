-- What: anon and authenticated, which requests run as, are nobody else, and nothing is put into
--     their mouths: no superuser, no row security passed by, no membership in a role that reaches
--     our rows, no claims set for them, no triggers switched off.
-- Why: all policies and grants rest on these roles being as weak as they look.
-- Silent: about memberships in roles that reach nothing of ours, about settings such as
--     statement_timeout, and about service_role, which passes by row security on Supabase.
with recursive api (oid, name) as (
    select
        role.oid,
        role.rolname::text
    from pg_catalog.pg_roles as role
    where role.rolname in ('anon', 'authenticated')
),

memberships (member, direct, reached) as (
    select
        api.oid,
        membership.roleid,
        membership.roleid
    from api
    inner join pg_catalog.pg_auth_members as membership
        on api.oid = membership.member
    union
    select
        memberships.member,
        memberships.direct,
        membership.roleid
    from memberships
    inner join pg_catalog.pg_auth_members as membership
        on memberships.reached = membership.member
),

settings (oid, place, name) as (
    select
        api.oid,
        case
            when setting.setrole = 0 then 'database '
            else 'role ' || pg_catalog.quote_ident(api.name)
            || case setting.setdatabase when 0 then '' else ' in database ' end
        end
        || case setting.setdatabase
            when 0 then ''
            else pg_catalog.quote_ident(pg_catalog.current_database())
        end,
        pg_catalog.split_part(line.setting, '=', 1)
    from pg_catalog.pg_db_role_setting as setting
    inner join api
        on setting.setrole in (0, api.oid)
    cross join pg_catalog.unnest(setting.setconfig) as line (setting)
    where setting.setdatabase = 0
        or setting.setdatabase = (
            select database.oid
            from pg_catalog.pg_database as database
            where database.datname = pg_catalog.current_database()
        )
)

select
    'error' as level,
    'role ' || api.name as object,
    pg_catalog.concat_ws(
        ' and ',
        case when role.rolsuper then 'is a superuser' end,
        case when role.rolbypassrls then 'passes row security by' end
    ) as detail,
    'alter role ' || api.name || case when role.rolsuper then ' nosuperuser' else '' end
    || case when role.rolbypassrls then ' nobypassrls' else '' end || ';' as remediation
from api
inner join pg_catalog.pg_roles as role
    on api.oid = role.oid
where role.rolsuper or role.rolbypassrls
union all
select distinct
    'error',
    'role ' || api.name,
    'is a member of ' || memberships.direct::regrole::text || ', and so may be '
    || memberships.reached::regrole::text,
    'revoke ' || memberships.direct::regrole::text || ' from ' || api.name || ';'
from memberships
inner join api
    on memberships.member = api.oid
inner join pg_catalog.pg_roles as role
    on memberships.reached = role.oid
where role.rolsuper
    or role.rolbypassrls
    or role.rolname = %(owner)s
    or role.rolname in (
        'authenticated', 'service_role', 'pg_read_all_data', 'pg_write_all_data', 'pg_maintain'
    )
union all
select distinct
    'error',
    settings.place,
    'sets ' || settings.name || ' for every request',
    'alter ' || settings.place || ' reset ' || pg_catalog.quote_ident(settings.name) || ';'
from settings
where pg_catalog.starts_with(settings.name, 'request.jwt')
    or settings.name in ('role', 'session_replication_role')
order by object, detail;
