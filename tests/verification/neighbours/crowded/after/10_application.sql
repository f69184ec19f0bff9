-- What: application objects that use ours, soundly.
-- Why: only what opens our data or somebody's identity is a finding.
-- Requires: the whole plan.

create table public.messages_v2_attachments (
    id uuid default gen_random_uuid() primary key,
    message_id uuid references public.messages_v2 (id) on delete cascade,
    conversation_id uuid references public.conversations_v2 (id),
    path text
);
alter table public.messages_v2_attachments enable row level security;
create policy attachments
    on public.messages_v2_attachments
    to authenticated
    using (
        exists (
            select
            from public.messages_v2 as message
            where message.id = message_id
        )
    );

create view public.my_messages
    with (security_invoker = true)
    as select * from public.messages_v2;
create view public.my_conversations
    with (security_invoker = on)
    as select id, status from public.conversations_v2;

-- For the service alone.
create view public.message_statistics as
    select
        sender_id,
        count(*) as messages
    from public.messages_v2
    group by sender_id;
revoke all on public.message_statistics from anon, authenticated;
create materialized view public.daily_conversations as
    select
        created_at::date as day,
        count(*) as conversations
    from public.conversations_v2
    group by 1;
revoke all on public.daily_conversations from anon, authenticated;

-- Under the policies of the caller.
create function public.my_words()
returns bigint
language sql
stable
set search_path = ''
return (
    select count(*)
    from public.messages_v2 as message
    where message.sender_id = auth.uid()
);

-- With the owner's rights, after a look at who calls.
create function public.my_conversation_count()
returns bigint
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return (
        select count(*)
        from public.conversations_v2 as conversation
        where (select auth.uid()) in (conversation.requester_id, conversation.helper_id)
    );
end $$;
revoke all on function public.my_conversation_count() from public, anon;

create function public.leave_conversation(p_conversation_id uuid, p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if auth.uid() is null or p_user_id is distinct from auth.uid() then
        raise insufficient_privilege;
    end if;
    update public.conversations_v2 as conversation
    set status = 'archived'
    where conversation.id = p_conversation_id
        and p_user_id in (conversation.requester_id, conversation.helper_id);
end $$;
revoke all on function public.leave_conversation(uuid, uuid) from public, anon;

-- For the service alone.
create function public.export_messages()
returns setof public.messages_v2
language sql
stable
security definer
set search_path = ''
as 'select * from public.messages_v2';
revoke all on function public.export_messages() from public, anon, authenticated;

create table public.outbox (
    id bigserial primary key,
    payload jsonb
);
create function public.send_invitation(p_email text)
returns void
language sql
security definer
set search_path = ''
as $$
    insert into public.outbox (payload)
    values (jsonb_build_object('email', p_email));
$$;

alter publication supabase_realtime add table public.messages_v2_attachments;
alter publication app_changes add table public.outbox;
