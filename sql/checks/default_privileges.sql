-- What: no default privilege opens what will be made in schema messaging.
-- Why: the partitions of the event log are made while the system runs, by no migration that could
--     revoke what comes with them; the next migration may forget to.
-- Silent: about schema public, where Supabase grants everything on everything by design and the
--     migrations revoke it; about other schemas; about defaults of roles that own nothing of ours,
--     unless they are for schema messaging. That PUBLIC may call new functions and use new types
--     is PostgreSQL's own default, and there without anybody's doing.
with defaults as (
    select
        'role ' || setting.defaclrole::regrole::text
        || case setting.defaclnamespace when 0 then '' else ' in schema messaging' end as place,
        case setting.defaclobjtype
            when 'r' then 'tables'
            when 'S' then 'sequences'
            when 'f' then 'functions'
            when 'T' then 'types'
            when 'n' then 'schemas'
        end as kind,
        case
            when privilege.grantee = 0 then 'public'
            else privilege.grantee::regrole::text
        end as grantee,
        setting.defaclnamespace = 0 as is_global,
        setting.defaclobjtype in ('f', 'T') as is_open_anyway
    from pg_catalog.pg_default_acl as setting
    cross join pg_catalog.aclexplode(setting.defaclacl) as privilege
    where privilege.grantee <> setting.defaclrole
        and (
            setting.defaclnamespace = pg_catalog.to_regnamespace('messaging')
            or setting.defaclnamespace = 0
            and setting.defaclobjtype in ('r', 'S', 'f')
            and setting.defaclrole::regrole::text = %(owner)s
        )
)

select distinct
    'error' as level,
    'default privileges for ' || defaults.place as object,
    defaults.grantee || ' gets privileges on ' || defaults.kind || ' that will be made' as detail,
    'alter default privileges for ' || defaults.place || ' revoke all on ' || defaults.kind
    || ' from ' || defaults.grantee || ';' as remediation
from defaults
where not defaults.is_global
    or defaults.grantee in ('anon', 'authenticated')
    or defaults.grantee = 'public' and not defaults.is_open_anyway
order by object, detail;
