-- Deploy care_collective_messaging:event_log to pg
--
-- What: messaging.rpc_events, one row a call, a partition a day of UTC and a default partition; its
--     settings; the view that gives its rows as log entries; record_call(), which every function
--     that writes or opens a conversation returns through; unexpected(), the answer to an error;
--     maintain_event_log(), which makes partitions ahead and drops those past the retention.
-- Why: metrics, alerts and the way back of the rollout are computed from what calls answered. A
--     partition is dropped in no time, and leaves nothing to vacuum.
-- Requires: error_codes.
-- Transaction: yes.
--
-- Retention: 30 days, in messaging.event_log_settings. Run maintain_event_log() once a day (from
-- pg_cron or any scheduler); where nobody does, rows go to the default partition, none is lost.
--
-- squawk would give 64 bits to numbers that a constraint keeps small, and wants timeouts;
-- all that is locked here is new.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

create table messaging.rpc_events (
    occurred_at timestamptz not null,
    -- An id is a text of no language, and compared byte by byte.
    request_id text collate "C" not null,
    service text not null,
    method text not null,
    event text not null,
    error_code text,
    user_id uuid,
    conversation_id uuid,
    help_request_id uuid,
    version text,
    duration_ms double precision not null,
    sqlstate text,
    error_message text,
    constraint rpc_events_pkey
        primary key (occurred_at, request_id)
)
partition by range (occurred_at);

revoke all
    on table messaging.rpc_events
    from public, anon, authenticated, service_role;

comment on table messaging.rpc_events is
    'One row for each call that writes or opens a conversation; never the content of a message.';
comment on column messaging.rpc_events.occurred_at is
    'When the call ended.';
comment on column messaging.rpc_events.request_id is
    'The id in the answer.';
comment on column messaging.rpc_events.service is
    'MessagingServiceV2.';
comment on column messaging.rpc_events.method is
    'What was called, as the application calls it: startHelpConversation, sendMessage, ...';
comment on column messaging.rpc_events.event is
    'success; function_error: an answer below HTTP 500; server_error: one from 500 on.';
comment on column messaging.rpc_events.error_code is
    'Code of messaging.error_codes; null for a success. No foreign key: history keeps old codes.';
comment on column messaging.rpc_events.user_id is
    'Who was signed in, not who the call named; null where nobody was. Outlives the account.';
comment on column messaging.rpc_events.conversation_id is
    'Conversation that was named or made, whether it exists or not.';
comment on column messaging.rpc_events.help_request_id is
    'Help request that was named, whether it exists or not.';
comment on column messaging.rpc_events.version is
    'System that served the call: v1, v2, or null where it came to neither.';
comment on column messaging.rpc_events.duration_ms is
    'From the beginning of the function to its end, in milliseconds.';
comment on column messaging.rpc_events.sqlstate is
    'SQLSTATE of an unexpected error.';
comment on column messaging.rpc_events.error_message is
    'Message of an unexpected error, else that of the answer; never what somebody wrote.';

create table messaging.rpc_events_default
    partition of messaging.rpc_events
    default;

revoke all
    on table messaging.rpc_events_default
    from public, anon, authenticated, service_role;

comment on table messaging.rpc_events_default is
    'Rows of days without a partition; messaging.maintain_event_log() takes them out again.';

create table messaging.event_log_settings (
    id boolean not null default true,
    retention_days integer not null default 30,
    days_ahead integer not null default 7,
    constraint event_log_settings_pkey
        primary key (id),
    constraint event_log_settings_one_row
        check (id),
    constraint event_log_settings_retention_days_range
        check (retention_days between 1 and 3650),
    constraint event_log_settings_days_ahead_range
        check (days_ahead between 1 and 366)
);

revoke all
    on table messaging.event_log_settings
    from public, anon, authenticated, service_role;

comment on table messaging.event_log_settings is
    'How long the event log is kept and how far ahead its partitions are made; one row.';
comment on column messaging.event_log_settings.id is
    'True: there is one row.';
comment on column messaging.event_log_settings.retention_days is
    'Whole days of UTC that are kept beside the present one.';
comment on column messaging.event_log_settings.days_ahead is
    'Days after the present one that have a partition.';

insert into messaging.event_log_settings default values;

-- As the application logs, with the keys in its order. Keys without a value are left out.
create view messaging.rpc_event_log as
select
    logged.occurred_at,
    logged.request_id,
    logged.method,
    logged.event,
    logged.error_code,
    pg_catalog.json_strip_nulls(
        pg_catalog.json_build_object(
            'timestamp', pg_catalog.to_char(
                logged.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
            ),
            'service', logged.service,
            'method', logged.method,
            'event', logged.event,
            'request_id', logged.request_id,
            'user_id', logged.user_id,
            'help_request_id', logged.help_request_id,
            'conversation_id', logged.conversation_id,
            'version', logged.version,
            'duration_ms', pg_catalog.round(logged.duration_ms::numeric, 3),
            'error', logged.error_message,
            'code', logged.error_code,
            'sqlstate', logged.sqlstate
        )
    ) as entry
from messaging.rpc_events as logged;

revoke all
    on table messaging.rpc_event_log
    from public, anon, authenticated, service_role;

comment on view messaging.rpc_event_log is
    'The event log as JSON log entries.';
comment on column messaging.rpc_event_log.occurred_at is
    'When the call ended; choose rows by it, so that other days are not read.';
comment on column messaging.rpc_event_log.request_id is
    'The id in the answer.';
comment on column messaging.rpc_event_log.method is
    'What was called.';
comment on column messaging.rpc_event_log.event is
    'success, function_error or server_error.';
comment on column messaging.rpc_event_log.error_code is
    'Code of messaging.error_codes; null for a success.';
comment on column messaging.rpc_event_log.entry is
    'The log entry: timestamp, service, method, event, request_id and what else is known.';

-- Writing ----------------------------------------------------------------------------------------

create function messaging.repeats_text(
    p_message text,
    p_text text
)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = ''
as $function$
declare
    -- What is longer was refused before anything looked at it.
    v_text constant pg_catalog.text := pg_catalog.lower(
        pg_catalog."left"(
            messaging.trim_whitespace(pg_catalog."left"(p_text, 65536)), 1000
        )
    );
    v_message constant pg_catalog.text := pg_catalog.lower(p_message);
begin
    if coalesce(v_text, '') = '' or v_message is null then
        return false;
    end if;
    -- A server quotes values cut short, so any eight characters in a row count.
    for v_place in 1 .. greatest(pg_catalog.char_length(v_text) - 7, 1) loop
        if pg_catalog.strpos(v_message, pg_catalog.substr(v_text, v_place, 8)) > 0 then
            return true;
        end if;
    end loop;
    return false;
end;
$function$;

revoke all
    on function messaging.repeats_text(text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.repeats_text(text, text) is
    'Whether an error message contains what somebody wrote, or eight characters of it in a row.';

create function messaging.unexpected(
    p_request_id text,
    p_message text,
    p_sqlstate text,
    p_error_message text,
    p_content text default null
)
returns jsonb
language sql
stable
parallel safe
set search_path = ''
return messaging.failure(
    p_request_id,
    'server_error',
    'unexpected',
    p_message
) || pg_catalog.jsonb_build_object(
    'internal',
    pg_catalog.jsonb_build_object(
        'sqlstate', p_sqlstate,
        'error_message', case
            when messaging.repeats_text(p_error_message, p_content)
                then '[redacted: the error repeats the text of a message]'
            else pg_catalog."left"(p_error_message, 1000)
        end
    )
);

revoke all
    on function messaging.unexpected(text, text, text, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.unexpected(text, text, text, text, text) is
    'server_error with the error under "internal", which record_call() logs and takes out. '
    'p_content: what somebody wrote, where the call has such a text, so that it is not logged.';

create function messaging.record_call(
    p_method text,
    p_started_at timestamptz,
    p_answer jsonb,
    p_user_id uuid,
    p_help_request_id uuid default null,
    p_conversation_id uuid default null,
    p_version text default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_now constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_attempts integer;
begin
    -- Each expression costs every call, so there are few: the insert reads the answer in one piece.
    loop
        begin
            insert into messaging.rpc_events (
                occurred_at,
                request_id,
                service,
                method,
                event,
                error_code,
                user_id,
                conversation_id,
                help_request_id,
                version,
                duration_ms,
                sqlstate,
                error_message
            )
            select
                v_now,
                coalesce(answer.request_id, messaging.request_id()),
                'MessagingServiceV2',
                p_method,
                case
                    when answer.success then 'success'
                    when answer.http_status < 500 then 'function_error'
                    else 'server_error'
                end,
                case
                    when answer.success is not true then coalesce(answer.error, 'server_error')
                end,
                p_user_id,
                coalesce(p_conversation_id, answer.conversation_id),
                coalesce(p_help_request_id, answer.help_request_id),
                coalesce(p_version, answer.version),
                -- Clocks are set back now and then.
                greatest(extract(epoch from v_now - p_started_at) * 1000, 0),
                answer.internal ->> 'sqlstate',
                case
                    when answer.success is not true then
                        coalesce(answer.internal ->> 'error_message', answer.message)
                end
            from pg_catalog.jsonb_to_record(p_answer) as answer (
                success boolean,
                request_id pg_catalog.text,
                error pg_catalog.text,
                message pg_catalog.text,
                http_status pg_catalog.int4,
                conversation_id pg_catalog.uuid,
                help_request_id pg_catalog.uuid,
                version pg_catalog.text,
                internal pg_catalog.jsonb
            );
            return p_answer - 'internal';
        exception
            when serialization_failure or deadlock_detected then
                raise;
            -- The log must not fail the call: it works on a standby, and over a full disk.
            when others then
                -- A row on its way to the default partition, whose day was given a partition
                -- meanwhile, is refused there; the second attempt finds the new one.
                v_attempts := coalesce(v_attempts, 0) + 1;
                if sqlstate <> '23514' or v_attempts = 10 then
                    raise log 'messaging: call % was not logged: % %',
                        p_answer ->> 'request_id', sqlstate, sqlerrm;
                    return p_answer - 'internal';
                end if;
        end;
    end loop;
end;
$function$;

revoke all
    on function messaging.record_call(text, timestamptz, jsonb, uuid, uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.record_call(text, timestamptz, jsonb, uuid, uuid, uuid, text) is
    'Writes the one row of a call, and returns its answer without what is for the log alone.';

-- Operation --------------------------------------------------------------------------------------

create function messaging.maintain_event_log()
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_lock_timeout constant pg_catalog.text := pg_catalog.current_setting('lock_timeout');
    v_today constant pg_catalog.date :=
        (pg_catalog.clock_timestamp() at time zone 'UTC')::pg_catalog.date;
    v_oldest pg_catalog.date;
    v_counted_until pg_catalog.timestamptz;
    v_last pg_catalog.date;
    v_day pg_catalog.date;
    v_from pg_catalog.text;
    v_to pg_catalog.text;
    v_name pg_catalog.text;
    v_rows pg_catalog.int8;
    v_moved pg_catalog.int8 := 0;
    v_expired pg_catalog.int8;
    v_created pg_catalog.text[] := '{}';
    v_dropped pg_catalog.text[] := '{}';
    v_postponed pg_catalog.text[] := '{}';
begin
    select
        v_today - settings.retention_days,
        v_today + settings.days_ahead
    into
        v_oldest,
        v_last
    from messaging.event_log_settings as settings;
    if not found then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'messaging.event_log_settings has no row, so how long to keep the event log '
                'is not known',
            hint = 'insert into messaging.event_log_settings (retention_days) values (30)';
    end if;

    -- Whoever waits for a lock has the calls queue behind him. Give up sooner than they would.
    if v_lock_timeout = '0' then
        perform pg_catalog.set_config('lock_timeout', '2s', true);
    end if;
    -- One at a time; calls go on.
    lock table only messaging.rpc_events in share update exclusive mode;

    -- Where calls are rolled up, by a later change, nothing goes that is not: it stays for the next
    -- run.
    v_counted_until := v_oldest::pg_catalog.timestamp at time zone 'UTC';
    if pg_catalog.to_regprocedure('messaging.roll_up_through(timestamptz)') is not null then
        execute 'select least($1, messaging.roll_up_through($1))'
        into v_counted_until
        using v_counted_until;
    end if;

    delete from messaging.rpc_events_default
    where rpc_events_default.occurred_at < v_counted_until;
    get diagnostics v_expired = row_count;

    for v_day in
        select wanted.day
        from (
            select v_today + number
            from pg_catalog.generate_series(0, v_last - v_today) as number
            union
            select (stray.occurred_at at time zone 'UTC')::pg_catalog.date
            from messaging.rpc_events_default as stray
        ) as wanted (day)
        where wanted.day >= v_oldest
        order by wanted.day
    loop
        v_name := 'rpc_events_' || pg_catalog.to_char(v_day, 'YYYYMMDD');
        continue when pg_catalog.to_regclass('messaging.' || v_name) is not null;
        v_from := pg_catalog.to_char(v_day, 'YYYY-MM-DD "00:00:00+00"');
        v_to := pg_catalog.to_char(v_day + 1, 'YYYY-MM-DD "00:00:00+00"');
        -- Made apart and attached, because "partition of" would lock out every call. The default
        -- partition is locked for the rest of this transaction: calls that write to it wait.
        execute pg_catalog.format(
            'create table messaging.%I (like messaging.rpc_events including all)', v_name
        );
        execute pg_catalog.format(
            'revoke all on table messaging.%I from public, anon, authenticated, service_role',
            v_name
        );
        execute pg_catalog.format(
            'comment on table messaging.%I is %L',
            v_name,
            'Calls of ' || pg_catalog.to_char(v_day, 'YYYY-MM-DD') || ' UTC.'
        );
        lock table messaging.rpc_events_default in access exclusive mode;
        execute pg_catalog.format(
            'with moved as ('
            ' delete from messaging.rpc_events_default'
            ' where occurred_at >= $1::pg_catalog.timestamptz'
            ' and occurred_at < $2::pg_catalog.timestamptz'
            ' returning *'
            ') '
            'insert into messaging.%I select * from moved',
            v_name
        )
        using v_from, v_to;
        get diagnostics v_rows = row_count;
        v_moved := v_moved + v_rows;
        execute pg_catalog.format(
            'alter table messaging.rpc_events attach partition messaging.%I '
            'for values from (%L) to (%L)',
            v_name,
            v_from,
            v_to
        );
        v_created := v_created || v_name;
    end loop;

    -- Last, because it does lock out every call: for a moment, or not at all. What is kept back by
    -- a long transaction is dropped by the next run.
    perform pg_catalog.set_config('lock_timeout', '200ms', true);
    for v_name in
        select class.relname
        from pg_catalog.pg_inherits as inheritance
        join pg_catalog.pg_class as class
            on class.oid = inheritance.inhrelid
        where inheritance.inhparent = 'messaging.rpc_events'::pg_catalog.regclass
            and class.relname ~ '^rpc_events_[0-9]{8}$'
            and class.relname < 'rpc_events_' || pg_catalog.to_char(v_oldest, 'YYYYMMDD')
        order by class.relname
    loop
        if v_postponed <> '{}'
            or pg_catalog.to_date(pg_catalog."right"(v_name, 8), 'YYYYMMDD')
                >= v_counted_until at time zone 'UTC'
        then
            v_postponed := v_postponed || v_name;
            continue;
        end if;
        begin
            execute pg_catalog.format('drop table messaging.%I', v_name);
            v_dropped := v_dropped || v_name;
        exception
            when lock_not_available then
                v_postponed := v_postponed || v_name;
        end;
    end loop;
    perform pg_catalog.set_config('lock_timeout', v_lock_timeout, true);

    return pg_catalog.jsonb_build_object(
        'created', pg_catalog.to_jsonb(v_created),
        'moved', v_moved,
        'expired', v_expired,
        'dropped', pg_catalog.to_jsonb(v_dropped),
        'postponed', pg_catalog.to_jsonb(v_postponed)
    );
end;
$function$;

revoke all
    on function messaging.maintain_event_log()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.maintain_event_log()
    to service_role;

comment on function messaging.maintain_event_log() is
    'Makes the partitions of the coming days, moves rows out of the default partition, and drops '
    'what is older than the retention. Run it once a day; it may be run at any time.';

do $partitions$
begin
    perform messaging.maintain_event_log();
end;
$partitions$;

commit;
