-- What: opened a conversation that was blocked, nobody knows by whom
-- Table: public.conversations_v2
-- As: blocked
-- Column: blocked_by
update public.conversations_v2
set status = 'active'
where conversations_v2.id = %(barred_conversation)s
