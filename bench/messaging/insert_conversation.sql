-- A helper inserts the row himself, under the policies.
-- Each client counts on its own, from :begin; no two of all rounds make the same pair.
\set number :number + 1
\set pair :begin + :number * 8 + :client_id
\set request :pair % :conversations
\set helper (:pair + :pair / :conversations) % :helpers
\set owner :request % :owners
begin;
-- session of md5('helper ' || :helper)::uuid
insert into public.conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
values (
    md5('request ' || :request)::uuid,
    md5('owner ' || :owner)::uuid,
    md5('helper ' || :helper)::uuid,
    'Hello! I can help you with that, tomorrow in the afternoon.'
);
commit;
