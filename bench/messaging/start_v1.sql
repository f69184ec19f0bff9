-- A helper begins a conversation as the V1 client does: seven requests, each its transaction.
-- Each client counts on its own, from :begin; no two of all rounds make the same pair.
\set number :number + 1
\set pair :begin + :number * 8 + :client_id
\set request :pair % :conversations
\set helper (:pair + :pair / :conversations) % :helpers
\set owner :request % :owners
begin;
-- session of md5('helper ' || :helper)::uuid
select id, user_id, status
from public.help_requests
where id = md5('request ' || :request)::uuid;
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
select id
from public.conversations
where help_request_id = md5('request ' || :request)::uuid
    and created_by = md5('helper ' || :helper)::uuid;
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
insert into public.conversations (help_request_id, created_by, title)
values (md5('request ' || :request)::uuid, md5('helper ' || :helper)::uuid, 'Offer of help')
returning id as conversation
\gset
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
insert into public.conversation_participants (conversation_id, user_id)
values
    (:conversation::uuid, md5('helper ' || :helper)::uuid),
    (:conversation::uuid, md5('owner ' || :owner)::uuid);
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
select user_id
from public.conversation_participants
where conversation_id = :conversation::uuid
    and user_id = md5('helper ' || :helper)::uuid;
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
insert into public.messages (conversation_id, sender_id, recipient_id, help_request_id, content)
values (
    :conversation::uuid,
    md5('helper ' || :helper)::uuid,
    md5('owner ' || :owner)::uuid,
    md5('request ' || :request)::uuid,
    'Hello! I can help you with that, tomorrow in the afternoon.'
);
commit;

begin;
-- session of md5('helper ' || :helper)::uuid
update public.help_requests
set status = 'in_progress'
where id = md5('request ' || :request)::uuid
    and status = 'open';
commit;
