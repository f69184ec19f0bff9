-- case: missing
-- finds: error view messaging.rpc_event_log: is missing
drop view messaging.rpc_event_log;
-- mend:
create view messaging.rpc_event_log as select 1 as occurred_at;

-- case: another kind
-- finds: error table messaging.client_messages: is a view
drop table messaging.client_messages;
create view messaging.client_messages as select 1 as sender_id;
-- mend:
drop view messaging.client_messages;
create table messaging.client_messages ();

-- case: not logged
-- finds: error table messaging.limits: is not logged
alter table messaging.limits set unlogged;

-- case: table that is not of the plan
-- finds: error table messaging.messages_copy: is not of the plan
create table messaging.messages_copy as select * from public.messages_v2;
-- mend:
drop table messaging.messages_copy;

-- case: view that is not of the plan
-- finds: error view messaging.words: is not of the plan
create view messaging.words as select content from public.messages_v2;

-- case: sequence that is not of the plan
-- finds: error sequence messaging.numbers: is not of the plan
create sequence messaging.numbers;

-- case: silent about tables of others and partitions
create table public.messages_v2_archive (like public.messages_v2);
create table messaging.rpc_events_20010101
    partition of messaging.rpc_events
    for values from ('2001-01-01') to ('2001-01-02');
