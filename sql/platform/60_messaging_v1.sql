-- What: conversations, conversation_participants and messages of the V1 application.
-- Why: V2 stands beside them, and the tests show V1 failing where V2 works. The policy on
--     conversation_participants reads its own table: PostgreSQL answers "infinite recursion
--     detected in policy", which is why no conversation was ever started. It stays so on purpose.
-- Requires: 50_help_requests.sql.
-- Transaction: yes.

set local role postgres;

create table public.conversations (
    id uuid default pg_catalog.gen_random_uuid()
        constraint conversations_pkey primary key,
    help_request_id uuid
        constraint conversations_help_request_id_fkey
        references public.help_requests (id) on delete set null,
    created_by uuid not null
        constraint conversations_created_by_fkey references public.profiles (id),
    title text,
    status text not null default 'active'
        constraint conversations_status_known
        check (status in ('active', 'closed', 'blocked')),
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    last_message_at timestamptz not null default pg_catalog.now()
);
create index conversations_help_request_id_idx on public.conversations (help_request_id);
create index conversations_created_by_idx on public.conversations (created_by);
alter table public.conversations enable row level security;

comment on table public.conversations is 'V1 conversations.';
comment on column public.conversations.id is 'Key.';
comment on column public.conversations.help_request_id is 'What it is about.';
comment on column public.conversations.created_by is 'The helper who started it.';
comment on column public.conversations.title is 'Title to show.';
comment on column public.conversations.status is 'active, closed or blocked.';
comment on column public.conversations.created_at is 'When it was started.';
comment on column public.conversations.updated_at is 'When the row last changed.';
comment on column public.conversations.last_message_at is 'When somebody last wrote.';

create table public.conversation_participants (
    conversation_id uuid not null
        constraint conversation_participants_conversation_id_fkey
        references public.conversations (id) on delete cascade,
    user_id uuid not null
        constraint conversation_participants_user_id_fkey references public.profiles (id),
    joined_at timestamptz not null default pg_catalog.now(),
    left_at timestamptz,
    role text not null default 'member'
        constraint conversation_participants_role_known
        check (role in ('member', 'moderator')),
    constraint conversation_participants_pkey primary key (conversation_id, user_id)
);
create index conversation_participants_user_id_idx on public.conversation_participants (user_id);
alter table public.conversation_participants enable row level security;

comment on table public.conversation_participants is 'Who takes part in a V1 conversation.';
comment on column public.conversation_participants.conversation_id is 'The conversation.';
comment on column public.conversation_participants.user_id is 'The person.';
comment on column public.conversation_participants.joined_at is 'Since when.';
comment on column public.conversation_participants.left_at is 'Until when; null: still there.';
comment on column public.conversation_participants.role is 'member or moderator.';

create table public.messages (
    id uuid default pg_catalog.gen_random_uuid()
        constraint messages_pkey primary key,
    conversation_id uuid not null
        constraint messages_conversation_id_fkey
        references public.conversations (id) on delete cascade,
    sender_id uuid not null
        constraint messages_sender_id_fkey references public.profiles (id),
    recipient_id uuid not null
        constraint messages_recipient_id_fkey references public.profiles (id),
    help_request_id uuid
        constraint messages_help_request_id_fkey
        references public.help_requests (id) on delete set null,
    content text not null
        constraint messages_content_length
        check (pg_catalog.char_length(content) <= 1000),
    message_type text not null default 'text'
        constraint messages_message_type_known
        check (message_type in ('text', 'system', 'help_request_update')),
    status text not null default 'sent'
        constraint messages_status_known
        check (status in ('sent', 'delivered', 'read', 'failed')),
    read_at timestamptz,
    is_flagged boolean not null default false,
    flagged_reason text,
    moderation_status text,
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    deleted_at timestamptz
);
create index messages_conversation_id_idx on public.messages (conversation_id, created_at);
create index messages_sender_id_idx on public.messages (sender_id);
create index messages_recipient_id_idx on public.messages (recipient_id);
create index messages_help_request_id_idx on public.messages (help_request_id);
alter table public.messages enable row level security;

comment on table public.messages is 'V1 messages.';
comment on column public.messages.id is 'Key.';
comment on column public.messages.conversation_id is 'The conversation.';
comment on column public.messages.sender_id is 'Who wrote.';
comment on column public.messages.recipient_id is 'Whom to.';
comment on column public.messages.help_request_id is 'What it is about.';
comment on column public.messages.content is 'The text.';
comment on column public.messages.message_type is 'text, system or help_request_update.';
comment on column public.messages.status is 'sent, delivered, read or failed.';
comment on column public.messages.read_at is 'When the recipient read it.';
comment on column public.messages.is_flagged is 'Whether somebody complained.';
comment on column public.messages.flagged_reason is 'What about.';
comment on column public.messages.moderation_status is 'What the team decided.';
comment on column public.messages.created_at is 'When it was sent.';
comment on column public.messages.updated_at is 'When the row last changed.';
comment on column public.messages.deleted_at is 'When it was taken back.';

create policy conversations_select_participant
    on public.conversations
    for select
    to authenticated
    using (
        id in (
            select participant.conversation_id
            from public.conversation_participants as participant
            where participant.user_id = auth.uid()
                and participant.left_at is null
        )
    );
comment on policy conversations_select_participant on public.conversations is
    'Participants see the conversation.';

create policy conversations_insert_own
    on public.conversations
    for insert
    to authenticated
    with check (created_by = auth.uid());
comment on policy conversations_insert_own on public.conversations is
    'People start conversations in their own name.';

create policy conversation_participants_select_fellow
    on public.conversation_participants
    for select
    to authenticated
    using (
        conversation_id in (
            select participant.conversation_id
            from public.conversation_participants as participant
            where participant.user_id = auth.uid()
                and participant.left_at is null
        )
    );
comment on policy conversation_participants_select_fellow on public.conversation_participants is
    'Participants see each other. Reads its own table, hence recurses without end.';

create policy conversation_participants_insert_own
    on public.conversation_participants
    for insert
    to authenticated
    with check (user_id = auth.uid());
comment on policy conversation_participants_insert_own on public.conversation_participants is
    'People join in their own name.';

create policy messages_select_participant
    on public.messages
    for select
    to authenticated
    using (
        conversation_id in (
            select participant.conversation_id
            from public.conversation_participants as participant
            where participant.user_id = auth.uid()
                and participant.left_at is null
        )
    );
comment on policy messages_select_participant on public.messages is
    'Participants read the messages.';

create policy messages_insert_participant
    on public.messages
    for insert
    to authenticated
    with check (
        sender_id = auth.uid()
        and conversation_id in (
            select participant.conversation_id
            from public.conversation_participants as participant
            where participant.user_id = auth.uid()
                and participant.left_at is null
        )
    );
comment on policy messages_insert_participant on public.messages is
    'Participants write in their own name.';

alter publication supabase_realtime
    add table public.conversations, public.messages;

reset role;
