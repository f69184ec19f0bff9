-- case: switched off
-- finds: error trigger conversations_v2_guard_block on public.conversations_v2: is switched off
alter table public.conversations_v2 disable trigger conversations_v2_guard_block;

-- case: for replicas
-- finds: error trigger messages_v2_set_updated_at on public.messages_v2: is switched off
alter table public.messages_v2 enable replica trigger messages_v2_set_updated_at;

-- case: missing
-- finds: error trigger messages_v2_note_last_message on public.messages_v2: is missing
drop trigger messages_v2_note_last_message on public.messages_v2;

-- case: another condition
-- finds: error trigger messages_v2_set_updated_at on public.messages_v2: is CREATE TRIGGER
create or replace trigger messages_v2_set_updated_at
    before update
    on public.messages_v2
    for each row
    when (false)
    execute function messaging.set_updated_at();

-- case: not of the plan
-- finds: warning trigger copy on public.messages_v2: is not of the plan
create trigger copy
    before update
    on public.messages_v2
    for each row
    execute function messaging.set_updated_at();

-- case: foreign key switched off
-- as: superuser
-- finds: error constraint conversation_reads_v2_conversation_id_fkey on public.conversation_reads_v2: is not kept
-- finds: error constraint conversation_reads_v2_user_id_fkey on public.conversation_reads_v2: is not kept
alter table public.conversation_reads_v2 disable trigger all;

-- case: silent about other tables
create trigger keep
    before update
    on public.profiles
    for each row
    execute function messaging.set_updated_at();
