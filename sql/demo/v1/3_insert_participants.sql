-- What: the V1 client adds both people.
-- Why: and would fail here, for a helper may add nobody but himself.
-- Requires: 2_insert_conversation.sql.
-- Transaction: yes.

insert into public.conversation_participants (conversation_id, user_id)
values
    (%(conversation_id)s, %(helper_id)s),
    (%(conversation_id)s, %(requester_id)s);
