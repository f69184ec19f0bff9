-- Revert care_collective_messaging:merged_reading from pg
--
-- What: drop the functions that read both systems.
-- Why: each system can still be read by itself; no row is lost.
-- Requires: nothing that calls the functions.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for.
-- squawk-ignore-file ban-drop-function, require-lock-timeout, require-statement-timeout

begin;

drop function public.get_messages(uuid, text, integer, text);
drop function public.list_conversations(integer, integer);
drop function public.get_conversation_version(uuid);

drop function messaging.read_messages_v1(uuid, text, boolean, integer);
drop function messaging.describe_conversations_v1(uuid[], uuid);
drop function messaging.conversations_v1(uuid);
drop function messaging.conversation_version(uuid, uuid);

commit;
