-- Who deployed here, as far as one can tell: the owner of the registry, else who asks; for a
-- superuser, who may ask about anybody's database, the one who owns most of schema public.
select
    role.rolname,
    pg_catalog.quote_ident(role.rolname)
from pg_catalog.pg_roles as role
where role.oid = coalesce(
    (
        select namespace.nspowner
        from pg_catalog.pg_namespace as namespace
        where namespace.nspname = %(registry)s
    ),
    (
        select asking.oid
        from pg_catalog.pg_roles as asking
        where asking.rolname = current_user
            and not asking.rolsuper
    ),
    (
        select relation.relowner
        from pg_catalog.pg_class as relation
        where relation.relnamespace = pg_catalog.to_regnamespace('public')
        group by relation.relowner
        order by pg_catalog.count(*) desc
        limit 1
    ),
    current_user::pg_catalog.regrole::oid
);
