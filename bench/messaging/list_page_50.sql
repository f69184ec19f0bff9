-- Somebody with many conversations looks at page 50.
\set heavy random(0, 7)
begin;
-- session of md5('heavy ' || :heavy)::uuid
select public.list_conversations_v2(md5('heavy ' || :heavy)::uuid, 50, :limit);
commit;
