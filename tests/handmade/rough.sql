-- What: the tables as somebody else typed them from memory: no row level security, no foreign keys
--     but one, a status without a rule, times without a zone, columns of their own, columns missing;
--     functions with other answers and other names of arguments, one of them twice.
-- Why: what is made by hand is not made alike twice.
-- Requires: sql/platform. Run as the owner of the database.

create table conversations_v2 (
    id uuid default gen_random_uuid(),
    help_request_id uuid,
    helper_id uuid,
    initial_message varchar(2000),
    status varchar(20),
    mood text not null check (mood <> ''),
    created_at timestamp default now(),
    constraint conversations_of_people primary key (id)
);
create table messages_v2 (
    id uuid primary key,
    conversation_id uuid references conversations_v2 (id),
    sender_id uuid references profiles (id),
    content varchar,
    created_at timestamptz
);
alter table conversations_v2 force row level security;
create unique index messages_v2_sender_id_idx on messages_v2 (sender_id, id);

create function create_conversation_atomic(request uuid, helper uuid, message text)
returns json language sql security definer as $$
    insert into conversations_v2 (help_request_id, helper_id, initial_message, status, mood)
    values (request, helper, message, 'pending', 'good')
    returning json_build_object('success', true, 'conversation_id', id)
$$;
create function send_message_v2(p_conversation_id uuid, p_sender_id uuid, p_content text)
returns uuid language sql security definer as $$
    insert into messages_v2 (id, conversation_id, sender_id, content)
    values (gen_random_uuid(), p_conversation_id, p_sender_id, p_content)
    returning id
$$;
create function send_message_v2(p_conversation_id uuid, p_content text)
returns uuid language sql security definer as $$
    select send_message_v2(p_conversation_id, auth.uid(), p_content)
$$;
