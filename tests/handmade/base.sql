-- What: the second messaging system as somebody pushed it to a Supabase project before there was a
--     plan: an enum for the status, unnamed checks, nullable times, policies for everybody, and three
--     functions that believe whoever says who they are.
-- Why: `carecli adopt` has to find it, and `carecli migrate` to make it sound.
-- Requires: sql/platform. Run as the owner of the database.

create type conversation_status as enum ('pending', 'active', 'accepted', 'rejected', 'closed');

create table conversations_v2 (
    id uuid primary key default gen_random_uuid(),
    help_request_id uuid not null references help_requests (id) on delete cascade,
    requester_id uuid not null references auth.users (id) on delete cascade,
    helper_id uuid not null references auth.users (id) on delete cascade,
    initial_message text not null check (length(initial_message) between 10 and 1000),
    status conversation_status default 'active',
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_message_at timestamptz default now(),
    unique (help_request_id, helper_id),
    check (requester_id != helper_id)
);
create table messages_v2 (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references conversations_v2 (id) on delete cascade,
    sender_id uuid not null references auth.users (id) on delete cascade,
    content text not null check (length(content) > 0 and length(content) <= 1000),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create index idx_conversations_v2_requester on conversations_v2 (requester_id);
create index idx_conversations_v2_helper on conversations_v2 (helper_id);
create index idx_conversations_v2_open on conversations_v2 (created_at desc) where status = 'active';
create index idx_messages_v2_conversation on messages_v2 (conversation_id, created_at);

create function touch_v2() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end $$;
create trigger touch_conversation before update on conversations_v2
    for each row execute function touch_v2();
create function bump_v2() returns trigger language plpgsql as $$
begin
    update conversations_v2 set last_message_at = now() where id = new.conversation_id;
    return new;
end $$;
create trigger bump_conversation after insert on messages_v2
    for each row execute function bump_v2();

alter table conversations_v2 enable row level security;
alter table messages_v2 enable row level security;
create policy "People see their conversations" on conversations_v2
    for select using (auth.uid() = requester_id or auth.uid() = helper_id);
create policy "Helpers start conversations" on conversations_v2
    for insert with check (auth.uid() = helper_id);
create policy "People change their conversations" on conversations_v2
    for update using (auth.uid() = requester_id or auth.uid() = helper_id);
create policy "People read their messages" on messages_v2
    for select using (
        conversation_id in (
            select id from conversations_v2 where auth.uid() in (requester_id, helper_id)
        )
    );
create policy "People write in open conversations" on messages_v2
    for insert with check (
        auth.uid() = sender_id
        and exists (
            select 1 from conversations_v2 as c
            where c.id = conversation_id
                and c.status in ('active', 'accepted')
                and auth.uid() in (c.requester_id, c.helper_id)
        )
    );

create function create_conversation_atomic(
    p_help_request_id uuid, p_helper_id uuid, p_initial_message text
) returns jsonb language plpgsql security definer as $$
declare
    owner_id uuid;
    new_id uuid;
begin
    select user_id into owner_id from help_requests where id = p_help_request_id;
    if owner_id is null then
        return jsonb_build_object('success', false, 'error', 'Help request not found');
    end if;
    insert into conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
    values (p_help_request_id, owner_id, p_helper_id, p_initial_message)
    returning id into new_id;
    return jsonb_build_object('success', true, 'conversation_id', new_id);
exception when others then
    return jsonb_build_object('success', false, 'error', sqlerrm);
end $$;

create function send_message_v2(p_conversation_id uuid, p_sender_id uuid, p_content text)
returns jsonb language plpgsql security definer as $$
declare
    new_id uuid;
begin
    if not exists (
        select 1 from conversations_v2
        where id = p_conversation_id and p_sender_id in (requester_id, helper_id)
    ) then
        return jsonb_build_object('success', false, 'error', 'Not authorized');
    end if;
    insert into messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, p_content)
    returning id into new_id;
    return jsonb_build_object('success', true, 'message_id', new_id);
end $$;

create function get_conversation_v2(p_conversation_id uuid, p_user_id uuid)
returns jsonb language plpgsql security definer as $$
begin
    return (
        select jsonb_build_object(
            'success', true,
            'conversation', to_jsonb(c),
            'messages', (select jsonb_agg(m) from messages_v2 as m where m.conversation_id = c.id)
        )
        from conversations_v2 as c
        where c.id = p_conversation_id and p_user_id in (c.requester_id, c.helper_id)
    );
end $$;

alter publication supabase_realtime add table messages_v2;
