-- What: an application beside messaging, sound: it checks who calls, or has nothing to do with us.

create table public.posts (
    id bigint generated always as identity primary key,
    author_id uuid not null,
    body text not null
);

create function public.count_posts()
returns bigint
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.count(*) from public.posts;
$function$;

create function public.publish(
    p_user_id uuid,
    p_body text
)
returns bigint
language sql
security definer
set search_path = ''
as $function$
    insert into public.posts (author_id, body)
    values (p_user_id, p_body)
    returning posts.id;
$function$;

create function public.my_unread()
returns bigint
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.count(*)
    from public.messages_v2 as message
    join public.conversations_v2 as conversation
        on conversation.id = message.conversation_id
    where auth.uid() in (conversation.requester_id, conversation.helper_id)
        and message.sender_id <> auth.uid();
$function$;

create function public.partner_of(
    p_conversation_id uuid
)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $function$
declare
    v_partner uuid;
begin
    select case auth.uid() when conversation.helper_id then conversation.requester_id
        else conversation.helper_id end
    into strict v_partner
    from public.conversations_v2 as conversation
    where conversation.id = p_conversation_id
        and auth.uid() in (conversation.requester_id, conversation.helper_id);
    return v_partner;
end;
$function$;

create function public.nudge(
    p_conversation_id uuid,
    p_recipient_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $function$
begin
    if not exists (
        select
        from public.conversations_v2 as conversation
        where conversation.id = p_conversation_id
            and auth.uid() in (conversation.requester_id, conversation.helper_id)
            and p_recipient_id in (conversation.requester_id, conversation.helper_id)
    ) then
        return '{"success": true}';
    end if;
    insert into public.posts (author_id, body) values (auth.uid(), 'nudge');
    perform pg_catalog.pg_notify('nudges', p_recipient_id::text);
    return '{"success": true}';
end;
$function$;

create function public.total_conversations()
returns bigint
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.count(*) from public.conversations_v2;
$function$;

create function public.roll_a_die(
    p_conversation_id uuid
)
returns text
language sql
volatile
security definer
set search_path = ''
as $function$
    select pg_catalog.concat(
        pg_catalog.random(),
        (select pg_catalog.count(*) from public.messages_v2 where false)
    );
$function$;

create function public.delete_everything()
returns void
language sql
security definer
set search_path = ''
as $function$
    delete from public.messages_v2;
$function$;
revoke all
    on function public.delete_everything()
    from public, anon, authenticated;
