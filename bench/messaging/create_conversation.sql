-- A helper begins a conversation with V2's function.
-- Each client counts on its own, from :begin; no two of all rounds make the same pair.
\set number :number + 1
\set pair :begin + :number * 8 + :client_id
\set request :pair % :conversations
\set helper (:pair + :pair / :conversations) % :helpers
begin;
-- session of md5('helper ' || :helper)::uuid
select public.create_conversation_atomic(
    md5('request ' || :request)::uuid,
    md5('helper ' || :helper)::uuid,
    'Hello! I can help you with that, tomorrow in the afternoon.'
);
commit;
