-- What: the V1 client writes the first message.
-- Why: and would fail here, for the policy reads the participants.
-- Requires: 4_find_participant.sql.
-- Transaction: yes.

insert into public.messages (conversation_id, sender_id, recipient_id, help_request_id, content)
values (
    %(conversation_id)s,
    %(helper_id)s,
    %(requester_id)s,
    %(help_request_id)s,
    %(message)s
);
