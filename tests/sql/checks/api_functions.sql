-- case: security invoker
-- finds: error function public.send_message_v2(uuid,uuid,text): is security invoker
alter function public.send_message_v2(uuid, uuid, text) security invoker;

-- case: stable, strict and parallel
-- finds: error function public.send_message(uuid,text,uuid): is stable, not volatile, is strict
alter function public.send_message(uuid, text, uuid) stable strict parallel safe;

-- case: leakproof
-- as: superuser
-- finds: error function public.get_messages(uuid,text,integer,text): is called leakproof
alter function public.get_messages(uuid, text, integer, text) leakproof;

-- case: missing
-- finds: error function public.get_conversation_version(uuid): is missing
drop function public.get_conversation_version(uuid);
-- mend:
create function public.get_conversation_version(
    p_conversation_id uuid
)
returns text
language plpgsql
stable
security definer
as 'begin return null; end';

-- case: overload
-- finds: error function public.send_message_v2(uuid,text): is no function of the plan
create function public.send_message_v2(uuid, text) returns void language sql as '';

-- case: another default
-- finds: error function public.list_conversations(integer,integer): takes (p_page integer DEFAULT 1, p_limit integer DEFAULT 100), not (p_page
do $change$
begin
    execute replace(
        pg_get_functiondef('public.list_conversations(integer, integer)'::regprocedure),
        'p_limit integer DEFAULT 20',
        'p_limit integer DEFAULT 100'
    );
end;
$change$;
-- mend:
do $change$
begin
    execute replace(
        pg_get_functiondef('public.list_conversations(integer, integer)'::regprocedure),
        'p_limit integer DEFAULT 100',
        'p_limit integer DEFAULT 20'
    );
end;
$change$;

-- case: another language
-- finds: error function public.get_conversation_version(uuid): is in sql, not plpgsql
create or replace function public.get_conversation_version(p_conversation_id uuid)
returns text
language sql
stable
security definer
as 'select ''v2''';
-- mend:
create or replace function public.get_conversation_version(p_conversation_id uuid)
returns text
language plpgsql
stable
security definer
as 'begin return ''v2''; end';

-- case: silent about another function of the application
create function public.send_letter(uuid, text) returns void language sql as '';
