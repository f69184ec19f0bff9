-- What: wrote a message past the function, hence past limits and moderation
-- Table: public.messages_v2
-- As: fellow
insert into public.messages_v2 (conversation_id, sender_id, content)
values (%(conversation)s, %(me)s, %(text)s)
