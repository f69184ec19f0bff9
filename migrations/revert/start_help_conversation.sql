-- Revert care_collective_messaging:start_help_conversation from pg
--
-- What: drop start_help_conversation.
-- Why: the conversations that it began are rows of V2 or V1 and stay; nothing is lost.
-- Requires: nothing.
-- Transaction: yes.
--
-- squawk warns of drops, which are what a revert is for, and wants timeouts that nothing here
-- needs.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, ban-drop-function

begin;

drop function public.start_help_conversation(uuid, text);
drop function messaging.start_help_conversation(uuid, uuid, text, text);

commit;
