-- What: wrote a message in the name of another
-- Table: public.messages_v2
-- As: stranger, nobody, fellow
insert into public.messages_v2 (conversation_id, sender_id, content)
values (%(conversation)s, %(helper)s, %(text)s)
