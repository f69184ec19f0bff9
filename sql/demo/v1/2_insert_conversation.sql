-- What: the V1 client makes the conversation and asks for it back.
-- Why: `returning` needs the policy for reading, which reads the participants, whose policy reads
--     the participants: here V1 fails.
-- Requires: 1_find_request.sql.
-- Transaction: yes.

insert into public.conversations (id, help_request_id, created_by, title)
values (%(conversation_id)s, %(help_request_id)s, %(helper_id)s, 'Offer of help')
returning id;
