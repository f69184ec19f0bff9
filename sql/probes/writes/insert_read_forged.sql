-- What: noted for another how far he has read
-- Table: public.conversation_reads_v2
-- As: stranger, nobody, fellow
insert into public.conversation_reads_v2 (conversation_id, user_id)
values (%(blocked_conversation)s, %(helper)s)
