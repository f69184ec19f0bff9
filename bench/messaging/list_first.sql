-- Somebody with many conversations looks at the newest.
\set heavy random(0, 7)
begin;
-- session of md5('heavy ' || :heavy)::uuid
select public.list_conversations_v2(md5('heavy ' || :heavy)::uuid, 1, :limit);
commit;
