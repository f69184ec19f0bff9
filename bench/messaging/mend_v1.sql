-- What: policies of V1 that do not read themselves, and let a helper do what the V1 client does.
-- Why: as it is, V1 fails at its third statement; a comparison of speed needs one that works.
-- Requires: sql/platform.
-- Transaction: yes.

begin;

create function public.takes_part(
    p_conversation_id uuid
)
returns boolean
language sql
stable
security definer
set search_path = ''
return exists (
    select
    from public.conversation_participants as participant
    where participant.conversation_id = p_conversation_id
        and participant.user_id = (select auth.uid())
        and participant.left_at is null
);

create function public.has_begun(
    p_conversation_id uuid
)
returns boolean
language sql
stable
security definer
set search_path = ''
return exists (
    select
    from public.conversations as conversation
    where conversation.id = p_conversation_id
        and conversation.created_by = (select auth.uid())
);

drop policy conversations_select_participant on public.conversations;
create policy conversations_select_participant
    on public.conversations
    for select
    to authenticated
    using (
        created_by = (select auth.uid())
        or public.takes_part(id)
    );

drop policy conversation_participants_select_fellow on public.conversation_participants;
create policy conversation_participants_select_fellow
    on public.conversation_participants
    for select
    to authenticated
    using (
        user_id = (select auth.uid())
        or public.takes_part(conversation_id)
    );

drop policy conversation_participants_insert_own on public.conversation_participants;
create policy conversation_participants_insert_own
    on public.conversation_participants
    for insert
    to authenticated
    with check (public.has_begun(conversation_id));

drop policy messages_select_participant on public.messages;
create policy messages_select_participant
    on public.messages
    for select
    to authenticated
    using (public.takes_part(conversation_id));

drop policy messages_insert_participant on public.messages;
create policy messages_insert_participant
    on public.messages
    for insert
    to authenticated
    with check (
        sender_id = (select auth.uid())
        and public.takes_part(conversation_id)
    );

create policy help_requests_update_helper
    on public.help_requests
    for update
    to authenticated
    using (
        exists (
            select
            from public.conversations as conversation
            where conversation.help_request_id = help_requests.id
                and conversation.created_by = (select auth.uid())
        )
    );

commit;
