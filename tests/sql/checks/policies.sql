-- case: shows everything
-- finds: error policy messages_v2_select_participant on public.messages_v2: shows rows where true
alter policy messages_v2_select_participant on public.messages_v2 using (true);

-- case: takes everything
-- finds: error policy conversations_v2_update_participant on public.conversations_v2: takes rows where true
alter policy conversations_v2_update_participant on public.conversations_v2 with check (true);

-- case: asks once a row
-- finds: error policy conversation_reads_v2_select_own on public.conversation_reads_v2: shows rows where (user_id = auth.uid())
alter policy conversation_reads_v2_select_own
    on public.conversation_reads_v2
    using (user_id = auth.uid());

-- case: for everybody
-- finds: error policy conversations_v2_insert_helper on public.conversations_v2: is to public, not to authenticated
alter policy conversations_v2_insert_helper on public.conversations_v2 to public;

-- case: missing
-- finds: error policy conversations_v2_insert_helper on public.conversations_v2: is missing
drop policy conversations_v2_insert_helper on public.conversations_v2;

-- case: for another command
-- finds: error policy conversation_reads_v2_select_own on public.conversation_reads_v2: is for all, not for select
drop policy conversation_reads_v2_select_own on public.conversation_reads_v2;
create policy conversation_reads_v2_select_own
    on public.conversation_reads_v2
    to authenticated
    using (user_id = (select auth.uid()));

-- case: restrictive
-- finds: error policy conversation_reads_v2_select_own on public.conversation_reads_v2: is restrictive
drop policy conversation_reads_v2_select_own on public.conversation_reads_v2;
create policy conversation_reads_v2_select_own
    on public.conversation_reads_v2
    as restrictive
    for select
    to authenticated
    using (user_id = (select auth.uid()));

-- case: not of the plan
-- finds: error policy everybody on public.messages_v2: is not of the plan: opens rows for select to public
create policy everybody on public.messages_v2 for select using (true);

-- case: restrictive and not of the plan
-- finds: warning policy nobody on public.messages_v2: is not of the plan: closes rows for all to public
create policy nobody on public.messages_v2 as restrictive using (false);

-- case: silent about other tables
create policy everybody on public.profiles using (true);
