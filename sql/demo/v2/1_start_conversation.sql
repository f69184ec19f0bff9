-- What: the V2 client starts a conversation.
-- Why: one call, one row, all or nothing.
-- Requires: change fix_v2_security_definer_auth.
-- Transaction: yes.

select public.create_conversation_atomic(%(help_request_id)s, %(helper_id)s, %(message)s);
