-- One of many people writes with V2's function.
\set conversation random(8 * :own, :conversations - 1)
begin;
-- session of md5('filler ' || :conversation)::uuid
select public.send_message_v2(
    md5('conversation ' || :conversation)::uuid,
    md5('filler ' || :conversation)::uuid,
    'Thank you! Which market do you like best, and when are you at home?'
);
commit;
