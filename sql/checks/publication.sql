-- What: where the publication supabase_realtime exists, it has both message tables, all their rows
--     and columns, with what is inserted, updated and deleted, and nothing else of ours.
-- Why: the application listens to it for new messages; the internals are for no subscriber.
-- Silent: where there is no such publication; about tables in it that are not ours.
with expected (since, relation) as (
    values
        ('messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'public.messages_v2')
),

publication as (
    select
        published.oid,
        published.puballtables,
        published.pubinsert and published.pubupdate and published.pubdelete as is_complete
    from pg_catalog.pg_publication as published
    where published.pubname = 'supabase_realtime'
),

in_force as (
    select
        expected.relation,
        class.oid,
        class.relreplident
    from expected
    inner join pg_catalog.pg_class as class
        on class.oid = pg_catalog.to_regclass(expected.relation)
    where expected.since = any(%(deployed)s::text [])
        and exists (select from publication)
)

select
    'error' as level,
    'publication supabase_realtime' as object,
    'has no ' || expected.relation as detail,
    'alter publication supabase_realtime add table ' || expected.relation || ';' as remediation
from in_force as expected
where not exists (
    select
    from pg_catalog.pg_get_publication_tables('supabase_realtime') as published
    where published.relid = expected.oid
)
union all
select
    'error',
    'publication supabase_realtime',
    'has ' || expected.relation || ' not with all rows and columns',
    'alter publication supabase_realtime drop table ' || expected.relation
    || '; alter publication supabase_realtime add table ' || expected.relation || ';'
from in_force as expected
inner join pg_catalog.pg_publication_rel as membership
    on expected.oid = membership.prrelid
inner join publication
    on membership.prpubid = publication.oid
where membership.prqual is not null or membership.prattrs is not null
union all
select
    'error',
    'publication supabase_realtime',
    'does not publish every insert, update and delete',
    'alter publication supabase_realtime set (publish = ''insert, update, delete, truncate'');'
from publication
where not publication.is_complete
    and exists (select from in_force)
union all
select
    'error',
    'table ' || expected.relation,
    'has no replica identity, so that a published update of it fails',
    'alter table ' || expected.relation || ' replica identity default;'
from in_force as expected
where expected.relreplident = 'n'
union all
select
    'error',
    'publication supabase_realtime',
    'has ' || class.oid::regclass::text || ', which is for no subscriber',
    'alter publication supabase_realtime drop table ' || class.oid::regclass::text || ';'
from publication
inner join pg_catalog.pg_publication_rel as membership
    on publication.oid = membership.prpubid
inner join pg_catalog.pg_class as class
    on membership.prrelid = class.oid
where class.oid = any(%(relations)s::oid [])
    and class.oid <> all(array(select in_force.oid from in_force))
union all
select
    'error',
    'publication supabase_realtime',
    'has all tables in schema messaging, which are for no subscriber',
    'alter publication supabase_realtime drop tables in schema messaging;'
from publication
inner join pg_catalog.pg_publication_namespace as membership
    on publication.oid = membership.pnpubid
where membership.pnnspid = pg_catalog.to_regnamespace('messaging')
order by object, detail;
