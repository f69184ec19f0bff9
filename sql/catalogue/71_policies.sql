-- What: the policies of row level security.
-- Why: they say who sees and writes which rows.
select
    pg_catalog.format(
        'policy %I on %s', entry.polname, entry.polrelid::pg_catalog.regclass
    ) as object,
    'table ' || entry.polrelid::pg_catalog.regclass as parent,
    described.clauses as definition,
    pg_catalog.format(
        E'create policy %I on %s\n%s;',
        entry.polname,
        entry.polrelid::pg_catalog.regclass,
        described.clauses
    ) as creation,
    pg_catalog.format(
        'drop policy %I on %s;', entry.polname, entry.polrelid::pg_catalog.regclass
    ) as removal,
    pg_catalog.obj_description(entry.oid, 'pg_policy') as comment,
    'pg_catalog.pg_policy'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_policy as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.polrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select pg_catalog.string_agg(
        case member.role
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(member.role))
        end,
        ', ' order by pg_catalog.pg_get_userbyid(member.role)
    ) as names
    from pg_catalog.unnest(entry.polroles) as member (role)
) as roles
cross join lateral (
    select pg_catalog.concat_ws(
        E'\n',
        case
            when entry.polpermissive then 'as permissive'
            else 'as restrictive'
        end,
        case entry.polcmd
            when 'r' then 'for select'
            when 'a' then 'for insert'
            when 'w' then 'for update'
            when 'd' then 'for delete'
            else 'for all'
        end,
        'to ' || roles.names,
        'using (' || pg_catalog.pg_get_expr(entry.polqual, entry.polrelid) || ')',
        'with check (' || pg_catalog.pg_get_expr(entry.polwithcheck, entry.polrelid) || ')'
    ) as clauses
) as described
where namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
