-- case: missing
-- finds: error constraint conversations_v2_two_people on public.conversations_v2: is missing: CHECK
alter table public.conversations_v2 drop constraint conversations_v2_two_people;

-- case: missing with characters that no terminal shows
-- finds: error constraint messages_v2_content_length on public.messages_v2: is missing: CHECK (((char_length(btrim(content, E'\u0009\u000a
alter table public.messages_v2 drop constraint messages_v2_content_length;

-- case: missing with a name of its own
-- finds: error constraint conversations_v2_two_people on public.conversations_v2: is called conversations_v2_check
alter table public.conversations_v2
    rename constraint conversations_v2_two_people to conversations_v2_check;

-- case: white space is text
-- finds: error constraint messages_v2_content_length on public.messages_v2: is CHECK ((char_length(content) >= 1)), not CHECK
alter table public.messages_v2
    drop constraint messages_v2_content_length,
    add constraint messages_v2_content_length check (char_length(content) >= 1);

-- case: no cascade
-- finds: error constraint messages_v2_sender_id_fkey on public.messages_v2: is FOREIGN KEY (sender_id) REFERENCES auth.users(id), not FOREIGN KEY
alter table public.messages_v2
    drop constraint messages_v2_sender_id_fkey,
    add constraint messages_v2_sender_id_fkey foreign key (sender_id) references auth.users (id);

-- case: not validated
-- finds: error constraint conversations_v2_origin_known on public.conversations_v2: has not been checked
alter table public.conversations_v2
    drop constraint conversations_v2_origin_known,
    add constraint conversations_v2_origin_known
        check (origin in ('v2', 'v1_backfill')) not valid;

-- case: not null, but for new rows alone
-- since: 18
-- finds: error constraint note_there on messaging.internal_testers: has not been checked
alter table messaging.internal_testers
    add constraint note_there not null note not valid;

-- case: not enforced
-- since: 18
-- finds: error constraint limits_maximum_range on messaging.limits: is CHECK (((maximum >= 1) AND (maximum <= 1000000))) NOT ENFORCED, not CHECK
alter table messaging.limits
    drop constraint limits_maximum_range,
    add constraint limits_maximum_range check (maximum between 1 and 1000000) not enforced;

-- case: not of the plan
-- finds: warning constraint messages_v2_polite on public.messages_v2: is not of the plan: CHECK
alter table public.messages_v2
    add constraint messages_v2_polite check (content ~ 'please');

-- case: silent about what refers to our tables
create table public.likes (
    message_id uuid references public.messages_v2 (id) on delete cascade
);
