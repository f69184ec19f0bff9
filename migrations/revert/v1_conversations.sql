-- Revert care_collective_messaging:v1_conversations from pg
--
-- What: drop the functions that write and find conversations of V1.
-- Why: V1 itself is the application's and stays as it is; nothing is lost.
-- Requires: nothing that stands on them.
-- Transaction: yes.
--
-- squawk warns of drops, which are what a revert is for, and wants timeouts that nothing here
-- needs.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, ban-drop-function

begin;

drop function messaging.insert_message_v1(uuid, uuid, text, text, text);
drop function messaging.insert_conversation_v1(uuid, uuid, uuid, text, text);
drop function messaging.failure_of_v1(text, text, text, text, text);
drop function messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz);
drop function messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz);
drop function messaging.lock_conversation_v1(uuid, uuid);
drop function messaging.is_answered_v1(uuid, uuid);
drop function messaging.pair_conversation_v1(uuid, uuid, uuid);
drop function messaging.conversation_v1(uuid, uuid);
drop function messaging.v1_exists();

commit;
