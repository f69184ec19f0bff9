-- One of many people inserts the row himself, under the policies.
\set conversation random(8 * :own, :conversations - 1)
begin;
-- session of md5('filler ' || :conversation)::uuid
insert into public.messages_v2 (conversation_id, sender_id, content)
values (
    md5('conversation ' || :conversation)::uuid,
    md5('filler ' || :conversation)::uuid,
    'Thank you! Which market do you like best, and when are you at home?'
);
commit;
