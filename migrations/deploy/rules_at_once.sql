-- Deploy care_collective_messaging:rules_at_once to pg
--
-- What: what the rate limits and the patterns of prohibited content come to, in one row that
--     triggers keep.
-- Why: each table that is opened and each regular expression costs a call more than a row does, and
--     nearly every call passes all of them.
-- Requires: limits, moderation.
-- Transaction: yes: the triggers are made under a lock that only an operator would feel.
--
-- squawk wants literal settings for the timeouts, and eight bytes for a maximum of a million.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

create table messaging.rules_at_once (
    id boolean not null default true,
    start_maximum integer,
    start_period interval,
    send_maximum integer,
    send_period interval,
    prohibited text[] not null,
    constraint rules_at_once_pkey
        primary key (id),
    constraint rules_at_once_one_row
        check (id)
);

comment on table messaging.rules_at_once is
    'messaging.limits and messaging.content_patterns in one row, for the calls that write at once. '
    'Kept by triggers: nobody edits it, and a restore of data alone leaves it out.';
comment on column messaging.rules_at_once.id is
    'True: there is one row.';
comment on column messaging.rules_at_once.start_maximum is
    'So many conversations may be started within start_period; null: there is no such limit, and '
    'nobody starts one at once.';
comment on column messaging.rules_at_once.start_period is
    'The length of time that is looked back on.';
comment on column messaging.rules_at_once.send_maximum is
    'So many messages may be sent within send_period; null: there is no such limit, and nobody sends '
    'one at once.';
comment on column messaging.rules_at_once.send_period is
    'The length of time that is looked back on.';
comment on column messaging.rules_at_once.prohibited is
    'Regular expressions, one of which every text matches that has to be looked at closely.';

revoke all
    on table messaging.rules_at_once
    from public, anon, authenticated, service_role;

-- Short ones are read faster in one expression, long ones each by itself, and one that repeats much
-- takes the more memory the more there is beside it. An alternative means what it means alone,
-- unless it begins with options for the whole expression, counts groups, or leaves a comment open.
create function messaging.prohibited_at_once()
returns text[]
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_each pg_catalog.text[];
    v_joined pg_catalog.text;
    v_others pg_catalog.text[];
begin
    select
        pg_catalog.array_agg(needed.pattern order by needed.pattern collate "C"),
        pg_catalog.string_agg(
            '(?:' || needed.pattern || ')', '|' order by needed.pattern collate "C"
        )
            filter (where needed.is_joined),
        pg_catalog.array_agg(needed.pattern order by needed.pattern collate "C")
            filter (where not needed.is_joined)
    into
        v_each,
        v_joined,
        v_others
    from (
        select distinct
            needed.pattern,
            pg_catalog.char_length(needed.pattern) <= 40
            and needed.pattern !~ '^\*\*\*|^\(\?[[:alpha:]]|\\[1-9]|\(\?#|\{[^}]*\d\d|\{.*\{'
            as is_joined
        from messaging.content_patterns as prohibited
        cross join lateral (
            values (coalesce(prohibited.needs, prohibited.pattern))
        ) as needed (pattern)
    ) as needed;

    if pg_catalog.char_length(v_joined) > 1000 then
        return v_each;
    end if;
    return pg_catalog.array_remove(v_joined || v_others, null);
end;
$function$;

revoke all
    on function messaging.prohibited_at_once()
    from public, anon, authenticated, service_role;

comment on function messaging.prohibited_at_once() is
    'What messaging.rules_at_once.prohibited has to be: all that the patterns need, in one regular '
    'expression as far as they can be joined.';

create function messaging.read_rules_at_once()
returns messaging.rules_at_once
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_rules messaging.rules_at_once;
begin
    select
        true as id,
        started.maximum as start_maximum,
        started.period as start_period,
        sent.maximum as send_maximum,
        sent.period as send_period,
        messaging.prohibited_at_once() as prohibited
    into v_rules
    from (values (true)) as always (is_there)
    left join messaging.limits as started
        on started.action = 'start_conversation'
    left join messaging.limits as sent
        on sent.action = 'send_message';
    return v_rules;
end;
$function$;

revoke all
    on function messaging.read_rules_at_once()
    from public, anon, authenticated, service_role;

comment on function messaging.read_rules_at_once() is
    'What the row of messaging.rules_at_once has to be, read from the tables that it is made of.';

create function messaging.keep_rules_at_once()
returns trigger
language plpgsql
security definer
set search_path = ''
as $function$
begin
    -- One after the other, before there is a row that somebody else could wait for: who comes
    -- second reads what the first has written.
    lock table messaging.rules_at_once in share row exclusive mode;
    if tg_when = 'BEFORE' then
        return null;
    end if;
    insert into messaging.rules_at_once (
        id,
        start_maximum,
        start_period,
        send_maximum,
        send_period,
        prohibited
    )
    select
        rules.id,
        rules.start_maximum,
        rules.start_period,
        rules.send_maximum,
        rules.send_period,
        rules.prohibited
    from messaging.read_rules_at_once() as rules
    on conflict (id) do update
    set
        start_maximum = excluded.start_maximum,
        start_period = excluded.start_period,
        send_maximum = excluded.send_maximum,
        send_period = excluded.send_period,
        prohibited = excluded.prohibited;
    return null;
end;
$function$;

revoke all
    on function messaging.keep_rules_at_once()
    from public, anon, authenticated, service_role;

comment on function messaging.keep_rules_at_once() is
    'Trigger: keeps the row of messaging.rules_at_once.';

create trigger limits_take_turns
    before insert or update or delete
    on messaging.limits
    for each statement
    execute function messaging.keep_rules_at_once();
comment on trigger limits_take_turns on messaging.limits is
    'Who changes a rule waits for whoever is changing one.';

create trigger limits_keep_rules_at_once
    after insert or update or delete or truncate
    on messaging.limits
    for each statement
    execute function messaging.keep_rules_at_once();
comment on trigger limits_keep_rules_at_once on messaging.limits is
    'Keeps messaging.rules_at_once.';

create trigger content_patterns_take_turns
    before insert or update or delete
    on messaging.content_patterns
    for each statement
    execute function messaging.keep_rules_at_once();
comment on trigger content_patterns_take_turns on messaging.content_patterns is
    'Who changes a rule waits for whoever is changing one.';

create trigger content_patterns_keep_rules_at_once
    after insert or update or delete or truncate
    on messaging.content_patterns
    for each statement
    execute function messaging.keep_rules_at_once();
comment on trigger content_patterns_keep_rules_at_once on messaging.content_patterns is
    'Keeps messaging.rules_at_once.';

-- The first time; a trigger for each statement runs without a row too.
update messaging.limits
set maximum = maximum
where false;

commit;
