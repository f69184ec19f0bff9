-- The newest messages of a long conversation.
\set heavy random(0, 7)
begin;
-- session of md5('heavy ' || :heavy)::uuid
select public.get_messages_v2(md5('conversation ' || :heavy)::uuid, md5('heavy ' || :heavy)::uuid);
commit;
