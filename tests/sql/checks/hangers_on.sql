-- case: rule
-- finds: error rule copy on public.messages_v2: is not of the plan
create rule copy as on insert to public.messages_v2 do also notify messages;

-- case: child
-- finds: error table public.more_messages: inherits from public.messages_v2
create table public.more_messages () inherits (public.messages_v2);

-- case: partition elsewhere
-- finds: error table public.old_events: inherits from messaging.rpc_events
create table public.old_events
    partition of messaging.rpc_events
    for values from ('2001-01-01') to ('2001-01-02');

-- case: enum
-- finds: error type messaging.mood: is not of the plan
create type messaging.mood as enum ('good');

-- case: domain
-- finds: error type messaging.mood: is not of the plan
create domain messaging.mood as text;

-- case: silent about partitions and types of others
create table messaging.rpc_events_20010101
    partition of messaging.rpc_events
    for values from ('2001-01-01') to ('2001-01-02');
create type public.mood as enum ('good');
