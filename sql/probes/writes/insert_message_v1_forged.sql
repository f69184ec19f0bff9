-- What: wrote a message in the name of another
-- Table: public.messages
-- As: stranger, nobody, fellow
insert into public.messages (conversation_id, sender_id, recipient_id, content)
values (%(conversation_v1)s, %(helper)s, %(requester)s, %(text)s)
