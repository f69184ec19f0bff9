-- What: the tables of V2 as somebody made them by hand.
-- Why: such databases exist: an enum for the status, checks without names, times that may be null,
--     and every privilege that the default privileges gave.
-- Requires: sql/platform.
-- Transaction: yes.

create type public.conversation_status as enum (
    'pending',
    'active',
    'accepted',
    'rejected',
    'closed'
);

create table public.conversations_v2 (
    id uuid primary key default gen_random_uuid(),
    help_request_id uuid not null references public.help_requests (id) on delete cascade,
    requester_id uuid not null references auth.users (id) on delete cascade,
    helper_id uuid not null references auth.users (id) on delete cascade,
    initial_message text not null check (char_length(initial_message) between 10 and 1000),
    status public.conversation_status not null default 'active',
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_message_at timestamptz default now(),
    unique (help_request_id, helper_id)
);

create table public.messages_v2 (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations_v2 (id) on delete cascade,
    sender_id uuid not null references auth.users (id) on delete cascade,
    content text not null check (char_length(content) between 1 and 1000),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

alter table public.conversations_v2 enable row level security;
alter table public.messages_v2 enable row level security;

create policy "people see their conversations"
    on public.conversations_v2
    for select
    using (auth.uid() in (requester_id, helper_id));
create policy "helpers begin conversations"
    on public.conversations_v2
    for insert
    with check (auth.uid() = helper_id);
create policy "people change their conversations"
    on public.conversations_v2
    for update
    using (auth.uid() in (requester_id, helper_id));
create policy "people see their messages"
    on public.messages_v2
    for select
    using (
        conversation_id in (
            select id
            from public.conversations_v2
            where auth.uid() in (requester_id, helper_id)
        )
    );
create policy "people write messages"
    on public.messages_v2
    for insert
    with check (auth.uid() = sender_id);
