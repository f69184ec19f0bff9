-- case: foreign key
-- finds: warning column public.messages_v2.sender_id: leads no index, though it is asked by foreign key messages_v2_sender_id_fkey
drop index public.messages_v2_sender_id_created_at_idx;

-- case: policy
-- finds: warning column public.conversations_v2.origin: leads no index, though it is asked by policy recent
create policy recent on public.conversations_v2 for select using (origin = 'v2');

-- case: some of the rows alone
-- finds: warning column public.conversation_reads_v2.user_id: leads no index
drop index public.conversation_reads_v2_user_id_idx;
create index conversation_reads_v2_user_id_idx
    on public.conversation_reads_v2 (user_id)
    where last_read_at > '2026-01-01';
