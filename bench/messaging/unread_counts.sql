-- Somebody with many conversations has the unread messages of a hundred counted.
\set heavy random(0, 7)
begin;
-- session of md5('heavy ' || :heavy)::uuid
select public.list_conversations_v2(md5('heavy ' || :heavy)::uuid, 1, 100);
commit;
