-- What: wrote a message into a conversation of others
-- Table: public.messages_v2
-- As: stranger
insert into public.messages_v2 (conversation_id, sender_id, content)
values (%(conversation)s, %(me)s, %(text)s)
