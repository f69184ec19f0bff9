-- What: people, requests, conversations and messages, as many as the variables say.
-- Why: ids are md5 sums of names, so that a script can compute them and an index finds them as far
--     apart as random ones. People of four kinds: owners ask; `helper` N answers in the bench;
--     `heavy` 0 to 7 have :own conversations each, whatever the size, of which the first has :deep
--     further messages; each `filler` has one.
-- Requires: a migrated database; a superuser; psql variables conversations, each (further messages of
--     every conversation), own, deep, helpers, owners.
-- Transaction: yes, all of it is one.

begin;

-- No triggers, no foreign keys: what is written here is right already.
set local session_replication_role = replica;
set local synchronous_commit = off;

create temporary table people on commit drop as
select md5('owner ' || number)::uuid as id
from generate_series(0, :owners - 1) as number
union all
select md5('helper ' || number)::uuid
from generate_series(0, :helpers - 1) as number
union all
select md5('heavy ' || number)::uuid
from generate_series(0, 7) as number
union all
select md5('filler ' || number)::uuid
from generate_series(8 * :own, :conversations - 1) as number;

insert into auth.users (id, aud, role)
select id, 'authenticated', 'authenticated'
from people;

insert into public.profiles (id, name, verification_status, email_confirmed)
select id, 'Somebody', 'approved', true
from people;

insert into public.help_requests (id, user_id, title, category, status)
select
    md5('request ' || number)::uuid,
    md5('owner ' || number % :owners)::uuid,
    'Groceries for the week',
    'groceries',
    'open'
from generate_series(0, :conversations - 1) as number;

-- Every conversation has as many messages as the others, but for the deep ones; one a minute.
create temporary table begun on commit drop as
select
    number,
    md5('conversation ' || number)::uuid as id,
    md5('owner ' || number % :owners)::uuid as requester_id,
    case
        when number < 8 * :own then md5('heavy ' || number % 8)::uuid
        else md5('filler ' || number)::uuid
    end as helper_id,
    timestamptz '2026-01-01 00:00:00+00' + number / 8 * interval '1 second' as created_at
from generate_series(0, :conversations - 1) as number;

insert into public.conversations_v2 (
    id,
    help_request_id,
    requester_id,
    helper_id,
    initial_message,
    created_at,
    updated_at,
    last_message_at
)
select
    id,
    md5('request ' || number)::uuid,
    requester_id,
    helper_id,
    'Hello! I can help you with that, tomorrow in the afternoon.',
    created_at,
    created_at,
    created_at
        + case
            when number < 8 then interval '1 hour' + :deep * interval '1 second'
            else :each * interval '1 minute'
        end
from begun;

insert into public.messages_v2 (conversation_id, sender_id, content, created_at, updated_at)
select
    begun.id,
    case when minute % 2 = 0 then begun.helper_id else begun.requester_id end,
    'Thank you! Which market do you like best, and when are you at home?',
    begun.created_at + minute * interval '1 minute',
    begun.created_at + minute * interval '1 minute'
from generate_series(1, :each) as minute
cross join begun;

insert into public.messages_v2 (conversation_id, sender_id, content, created_at, updated_at)
select
    begun.id,
    case when second % 2 = 0 then begun.helper_id else begun.requester_id end,
    'Thank you! Which market do you like best, and when are you at home?',
    begun.created_at + interval '1 hour' + second * interval '1 second',
    begun.created_at + interval '1 hour' + second * interval '1 second'
from begun
cross join generate_series(1, :deep) as second
where begun.number < 8;

-- Half of what the heavy ones have is read; the rest has unread messages to count.
insert into public.conversation_reads_v2 (conversation_id, user_id, last_read_at)
select
    begun.id,
    begun.helper_id,
    begun.created_at + interval '1 day'
from begun
where begun.number < 8 * :own
    and begun.number / 8 % 2 = 0;

-- For the bare INSERTs; the second is for a trigger of theirs. The policies stay.
grant insert
    on table public.conversations_v2, public.messages_v2
    to authenticated;
grant update (last_message_at)
    on table public.conversations_v2
    to authenticated;

commit;

vacuum (analyze);
