-- What: noted past the function how far one has read
-- Table: public.conversation_reads_v2
-- As: stranger
insert into public.conversation_reads_v2 (conversation_id, user_id)
values (%(conversation)s, %(me)s)
