-- What: opened a conversation that the other one has blocked
-- Table: public.conversations_v2
-- As: blocked
-- Column: blocked_by
update public.conversations_v2
set status = 'active'
where conversations_v2.id = %(blocked_conversation)s
