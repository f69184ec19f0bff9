-- Deploy care_collective_messaging:rollout to pg
--
-- What: who is on V2: the flag, its history, the testers and the application's hash.
-- Why: a flag in the environment of the application is changed by a deploy and leaves no trace; as
--     a row it is changed in one statement, by a named person, with a reason.
-- Requires: fix_v2_security_definer_auth.
-- Transaction: yes.
--
-- The foreign key takes a short lock on auth.users; the block below sees to the timeouts.
-- A percentage needs no eight bytes.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- Tables -----------------------------------------------------------------------------------------

create table messaging.rollout (
    singleton boolean not null default true,
    strategy text not null,
    percentage integer not null,
    reason text not null,
    changed_by text not null,
    changed_at timestamptz not null default pg_catalog.clock_timestamp(),
    figures jsonb,
    constraint rollout_pkey
        primary key (singleton),
    constraint rollout_singleton_one_row
        check (singleton),
    constraint rollout_strategy_known
        check (strategy in ('disabled', 'internal', 'percentage', 'enabled')),
    constraint rollout_percentage_range
        check (percentage between 0 and 100)
);

comment on table messaging.rollout is
    'The flag: which new conversations begin in V2. One row; changed by messaging.set_rollout().';
comment on column messaging.rollout.singleton is
    'Key; always true, so that there is one row.';
comment on column messaging.rollout.strategy is
    'disabled: nobody; internal: testers and administrators; percentage: by hash; enabled: all.';
comment on column messaging.rollout.percentage is
    'Users whose bucket is below it are on V2, where the strategy is percentage.';
comment on column messaging.rollout.reason is
    'Why the flag was last changed.';
comment on column messaging.rollout.changed_by is
    'Who last changed it.';
comment on column messaging.rollout.changed_at is
    'When it was last changed.';
comment on column messaging.rollout.figures is
    'What was measured that led to the last change; null where nobody gave any.';

create table messaging.rollout_history (
    id bigint generated always as identity,
    changed_at timestamptz not null,
    changed_by text not null,
    reason text not null,
    old_strategy text,
    old_percentage integer,
    new_strategy text not null,
    new_percentage integer not null,
    figures jsonb,
    constraint rollout_history_pkey
        primary key (id)
);

comment on table messaging.rollout_history is
    'Each change of the flag, for good: nothing in here is changed or deleted.';
comment on column messaging.rollout_history.id is
    'Key; grows with each change.';
comment on column messaging.rollout_history.changed_at is
    'When.';
comment on column messaging.rollout_history.changed_by is
    'Who.';
comment on column messaging.rollout_history.reason is
    'Why.';
comment on column messaging.rollout_history.old_strategy is
    'From which strategy; null where there was none.';
comment on column messaging.rollout_history.old_percentage is
    'From which percentage; null where there was none.';
comment on column messaging.rollout_history.new_strategy is
    'To which strategy.';
comment on column messaging.rollout_history.new_percentage is
    'To which percentage.';
comment on column messaging.rollout_history.figures is
    'What was measured that led to the change; null where nobody gave any.';

create table messaging.internal_testers (
    user_id uuid not null,
    note text,
    added_by text not null,
    added_at timestamptz not null default pg_catalog.now(),
    constraint internal_testers_pkey
        primary key (user_id),
    constraint internal_testers_user_id_fkey
        foreign key (user_id)
        references auth.users (id)
        on delete cascade
);

comment on table messaging.internal_testers is
    'Users who are on V2 while the strategy is internal.';
comment on column messaging.internal_testers.user_id is
    'The tester.';
comment on column messaging.internal_testers.note is
    'What to know of the tester.';
comment on column messaging.internal_testers.added_by is
    'Who put the tester here.';
comment on column messaging.internal_testers.added_at is
    'Since when.';

revoke all
    on table messaging.rollout, messaging.rollout_history, messaging.internal_testers
    from public, anon, authenticated, service_role;

revoke all
    on sequence messaging.rollout_history_id_seq
    from public, anon, authenticated, service_role;

-- History ----------------------------------------------------------------------------------------
-- It is written by a trigger, so that a change by hand is in it as well.

create function messaging.refuse_rollout_loss()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = pg_catalog.format(
            '%s on %I.%I is refused', tg_op, tg_table_schema, tg_table_name
        ),
        hint = 'The flag is changed by messaging.set_rollout(); its history only grows.';
end;
$function$;

revoke all
    on function messaging.refuse_rollout_loss()
    from public, anon, authenticated, service_role;

comment on function messaging.refuse_rollout_loss() is
    'Trigger: keeps the flag from being deleted and its history from being rewritten.';

create trigger rollout_refuse_loss
    before delete or truncate
    on messaging.rollout
    for each statement
    execute function messaging.refuse_rollout_loss();
comment on trigger rollout_refuse_loss on messaging.rollout is
    'The flag is changed, never deleted.';

create trigger rollout_history_refuse_loss
    before update or delete or truncate
    on messaging.rollout_history
    for each statement
    execute function messaging.refuse_rollout_loss();
comment on trigger rollout_history_refuse_loss on messaging.rollout_history is
    'The history is only added to.';

create function messaging.note_rollout_author()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    new.changed_at := pg_catalog.clock_timestamp();
    new.changed_by := session_user;
    new.reason := 'Changed by hand, without a reason';
    new.figures := null;
    return new;
end;
$function$;

revoke all
    on function messaging.note_rollout_author()
    from public, anon, authenticated, service_role;

comment on function messaging.note_rollout_author() is
    'Trigger: a change of the flag that says nothing of itself is put down to the session.';

create trigger rollout_note_author
    before update
    on messaging.rollout
    for each row
    when (new.changed_at is not distinct from old.changed_at)
    execute function messaging.note_rollout_author();
comment on trigger rollout_note_author on messaging.rollout is
    'Says who changed the flag where set_rollout() did not.';

create function messaging.keep_rollout_history()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    -- On insert there is no old row, and all of its columns are null.
    insert into messaging.rollout_history (
        changed_at,
        changed_by,
        reason,
        old_strategy,
        old_percentage,
        new_strategy,
        new_percentage,
        figures
    )
    values (
        new.changed_at,
        new.changed_by,
        new.reason,
        old.strategy,
        old.percentage,
        new.strategy,
        new.percentage,
        new.figures
    );
    return null;
end;
$function$;

revoke all
    on function messaging.keep_rollout_history()
    from public, anon, authenticated, service_role;

comment on function messaging.keep_rollout_history() is
    'Trigger: writes each change of the flag into its history.';

create trigger rollout_keep_history
    after insert or update
    on messaging.rollout
    for each row
    execute function messaging.keep_rollout_history();
comment on trigger rollout_keep_history on messaging.rollout is
    'Keeps the history.';

insert into messaging.rollout (
    strategy,
    percentage,
    reason,
    changed_by
)
values (
    'disabled',
    0,
    'Deployed; nobody is on V2 yet',
    session_user
);

-- Who is on V2 -----------------------------------------------------------------------------------

create function messaging.rollout_bucket(
    p_user_id uuid
)
returns integer
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $function$
declare
    -- A uuid prints in lower case and in ASCII: its bytes are the UTF-16 code units.
    v_text constant pg_catalog.bytea := pg_catalog.convert_to(p_user_id::pg_catalog.text, 'UTF8');
    v_hash bigint := 0;
begin
    for v_place in 0..35 loop
        v_hash := (31 * v_hash + pg_catalog.get_byte(v_text, v_place)) & 4294967295;
    end loop;
    -- From here on the 32 bits are a signed number, and its absolute value may be 2^31.
    if v_hash > 2147483647 then
        v_hash := 4294967296 - v_hash;
    end if;
    return v_hash % 100;
end;
$function$;

revoke all
    on function messaging.rollout_bucket(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.rollout_bucket(uuid) is
    'Bucket of a user, 0 to 99, by the hash that the application uses.';

create function messaging.is_v2_enabled(
    p_user_id uuid
)
returns boolean
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_strategy pg_catalog.text;
    v_percentage integer;
begin
    if p_user_id is null then
        return false;
    end if;

    select
        flag.strategy,
        flag.percentage
    into strict
        v_strategy,
        v_percentage
    from messaging.rollout as flag;

    if v_percentage is null or v_percentage not between 0 and 100 then
        return false;
    end if;
    case v_strategy
        when 'enabled' then
            return true;
        when 'percentage' then
            return messaging.rollout_bucket(p_user_id) < v_percentage;
        when 'internal' then
            -- By way of JSON, because not every application has administrators in its profiles.
            return exists (
                select
                from messaging.internal_testers as tester
                where tester.user_id = p_user_id
            ) or exists (
                select
                from public.profiles as profile
                where profile.id = p_user_id
                    and pg_catalog.to_jsonb(profile) ->> 'is_admin' = 'true'
            );
        else
            return false;
    end case;
exception
    -- No flag, or two of them: whatever is wrong with it, V1 is the safe side.
    when others then
        raise log 'messaging is_v2_enabled: % %', sqlstate, sqlerrm;
        return false;
end;
$function$;

revoke all
    on function messaging.is_v2_enabled(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.is_v2_enabled(uuid) is
    'Whether new conversations of the user begin in V2; false where the flag is not as it must be.';

create function public.is_messaging_v2_enabled(
    p_user_id uuid default auth.uid()
)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    -- The role of the request: the function itself runs as its owner.
    v_role constant pg_catalog.text := coalesce(
        nullif(pg_catalog.current_setting('role'), 'none'), session_user::pg_catalog.text
    );
begin
    if v_role = 'service_role' or p_user_id = v_caller_id then
        return messaging.is_v2_enabled(p_user_id);
    end if;
    return false;
end;
$function$;

revoke all
    on function public.is_messaging_v2_enabled(uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.is_messaging_v2_enabled(uuid)
    to authenticated, service_role;

comment on function public.is_messaging_v2_enabled(uuid) is
    'Whether new conversations of the caller begin in V2; of others only service_role is told.';

-- Operations -------------------------------------------------------------------------------------

create function messaging.rollout_problem()
returns text
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_rows bigint;
    v_strategy pg_catalog.text;
    v_percentage integer;
begin
    select
        pg_catalog.count(*),
        pg_catalog.min(flag.strategy),
        pg_catalog.min(flag.percentage)
    into
        v_rows,
        v_strategy,
        v_percentage
    from messaging.rollout as flag;

    return case
        when v_rows = 0 then 'the flag has no row'
        when v_rows > 1 then pg_catalog.format('the flag has %s rows', v_rows)
        when v_strategy is null
            or v_strategy not in ('disabled', 'internal', 'percentage', 'enabled')
            then pg_catalog.format('the flag has the unknown strategy %L', v_strategy)
        when v_percentage is null or v_percentage not between 0 and 100
            then pg_catalog.format('the flag has the percentage %L', v_percentage)
    end;
exception
    when others then
        return 'the flag cannot be read: ' || sqlerrm;
end;
$function$;

revoke all
    on function messaging.rollout_problem()
    from public, anon, authenticated, service_role;

comment on function messaging.rollout_problem() is
    'What is wrong with the flag, for which V2 is off; null where nothing is.';

create function messaging.rollout_status(
    p_history_limit integer default 20
)
returns jsonb
language sql
stable
security definer
set search_path = ''
return (
    select
        pg_catalog.jsonb_build_object(
            'strategy', flag.strategy,
            'percentage', flag.percentage,
            'reason', flag.reason,
            'changed_by', flag.changed_by,
            'changed_at', flag.changed_at,
            'figures', flag.figures,
            'problem', messaging.rollout_problem(),
            'testers', (
                select
                    coalesce(
                        pg_catalog.jsonb_agg(
                            pg_catalog.jsonb_build_object(
                                'user_id', tester.user_id,
                                'note', tester.note,
                                'added_by', tester.added_by,
                                'added_at', tester.added_at
                            )
                            order by tester.added_at, tester.user_id
                        ),
                        '[]'
                    )
                from messaging.internal_testers as tester
            ),
            'history', (
                select
                    coalesce(
                        pg_catalog.jsonb_agg(
                            pg_catalog.jsonb_build_object(
                                'changed_at', newest.changed_at,
                                'changed_by', newest.changed_by,
                                'reason', newest.reason,
                                'old_strategy', newest.old_strategy,
                                'old_percentage', newest.old_percentage,
                                'new_strategy', newest.new_strategy,
                                'new_percentage', newest.new_percentage,
                                'figures', newest.figures
                            )
                            order by newest.id desc
                        ),
                        '[]'
                    )
                from (
                    select
                        history.id,
                        history.changed_at,
                        history.changed_by,
                        history.reason,
                        history.old_strategy,
                        history.old_percentage,
                        history.new_strategy,
                        history.new_percentage,
                        history.figures
                    from messaging.rollout_history as history
                    order by history.id desc
                    limit greatest(p_history_limit, 0)
                ) as newest
            )
        )
    from (values (true)) as one (row)
    left join messaging.rollout as flag
        on one.row
    limit 1
);

revoke all
    on function messaging.rollout_status(integer)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.rollout_status(integer)
    to service_role, pg_monitor;

comment on function messaging.rollout_status(integer) is
    'The flag, what is wrong with it, the testers, and its newest changes, the newest one first.';

create function messaging.set_rollout(
    p_strategy text,
    p_percentage integer,
    p_reason text,
    p_changed_by text default session_user,
    p_figures jsonb default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_percentage constant integer := case p_strategy
        when 'percentage' then p_percentage
        when 'enabled' then coalesce(p_percentage, 100)
        else coalesce(p_percentage, 0)
    end;
    v_reason constant pg_catalog.text := messaging.trim_whitespace(p_reason);
    v_changed_by constant pg_catalog.text := messaging.trim_whitespace(p_changed_by);
begin
    if p_strategy is null
        or p_strategy not in ('disabled', 'internal', 'percentage', 'enabled')
    then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no rollout strategy', p_strategy),
            hint = 'The strategies are disabled, internal, percentage and enabled.';
    end if;
    if v_percentage is null or v_percentage not between 0 and 100 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no percentage of users', v_percentage),
            hint = 'Give a whole number from 0 to 100.';
    end if;
    if p_strategy <> 'percentage' and p_percentage is not null then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('the strategy %s takes no percentage', p_strategy),
            hint = 'Give null, or choose the strategy percentage.';
    end if;
    if v_reason is null or pg_catalog.char_length(v_reason) not between 1 and 1000 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a change of the rollout needs a reason',
            hint = 'Say in 1 to 1000 characters why; it stays in the history.';
    end if;
    if v_changed_by is null or pg_catalog.char_length(v_changed_by) not between 1 and 200 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a change of the rollout needs somebody who makes it',
            hint = 'Give a name of 1 to 200 characters; it stays in the history.';
    end if;

    insert into messaging.rollout as flag (
        strategy,
        percentage,
        reason,
        changed_by,
        figures
    )
    values (
        p_strategy,
        v_percentage,
        v_reason,
        v_changed_by,
        p_figures
    )
    on conflict on constraint rollout_pkey do update
    set
        strategy = excluded.strategy,
        percentage = excluded.percentage,
        reason = excluded.reason,
        changed_by = excluded.changed_by,
        figures = excluded.figures,
        -- Read under the lock, so that the history is in the order of its times.
        changed_at = greatest(
            pg_catalog.clock_timestamp(), flag.changed_at + interval '1 microsecond'
        );

    return messaging.rollout_status(1);
end;
$function$;

revoke all
    on function messaging.set_rollout(text, integer, text, text, jsonb)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.set_rollout(text, integer, text, text, jsonb)
    to service_role;

comment on function messaging.set_rollout(text, integer, text, text, jsonb) is
    'Changes the flag and writes the change, with its reason and what was measured, into the '
    'history.';

create function messaging.add_internal_tester(
    p_user_id uuid,
    p_note text default null,
    p_added_by text default session_user
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    insert into messaging.internal_testers (
        user_id,
        note,
        added_by
    )
    values (
        p_user_id,
        p_note,
        p_added_by
    )
    on conflict on constraint internal_testers_pkey do nothing;
    return found;
end;
$function$;

revoke all
    on function messaging.add_internal_tester(uuid, text, text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.add_internal_tester(uuid, text, text)
    to service_role;

comment on function messaging.add_internal_tester(uuid, text, text) is
    'Puts a user on the list of testers; false where the user is on it already.';

create function messaging.remove_internal_tester(
    p_user_id uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    delete from messaging.internal_testers
    where internal_testers.user_id = p_user_id;
    return found;
end;
$function$;

revoke all
    on function messaging.remove_internal_tester(uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.remove_internal_tester(uuid)
    to service_role;

comment on function messaging.remove_internal_tester(uuid) is
    'Takes a user off the list of testers; false where the user was not on it.';

commit;
