-- What: try each attack of the setting carecli.attempts in a subtransaction that is rolled back.
-- Why: hundreds of them in one round trip. What each one came to is put into carecli.outcomes: its
--     answer, its error, the rows it reached, and the rows of the cast where it wrote any.
-- Parameters, as settings: carecli.attempts, carecli.watched, the tables' oids;
--     both as JSON arrays;
--     carecli.image, the query that gives the rows of the cast as one jsonb.
-- Transaction: inside the one that is rolled back.
do $attempt$
declare
    v_attempt jsonb;
    v_home constant text := pg_catalog.current_setting('role');
    v_image_query constant text := pg_catalog.current_setting('carecli.image');
    v_watched constant oid[] := pg_catalog.translate(
        pg_catalog.current_setting('carecli.watched'), '[]', '{}'
    )::oid[];
    -- Without its statistics the server does not say whether a table was written: then look.
    v_counts constant boolean := pg_catalog.current_setting('track_counts')::boolean;
    v_outcome jsonb;
    v_outcomes jsonb[] := '{}';
    v_answer text;
    v_image jsonb;
    v_rows bigint;
    v_written bigint;
    v_now bigint;
    v_state text;
    v_message text;
    v_context text;
    v_cancelled boolean := false;
begin
    for v_attempt in
        select attempt.value
        from pg_catalog.jsonb_array_elements(
            pg_catalog.current_setting('carecli.attempts')::jsonb
        ) as attempt (value)
    loop
        v_outcome := '{}';
        v_written := (
            select sum(
                pg_catalog.pg_stat_get_xact_tuples_inserted(watched)
                + pg_catalog.pg_stat_get_xact_tuples_updated(watched)
                + pg_catalog.pg_stat_get_xact_tuples_deleted(watched)
            )
            from pg_catalog.unnest(v_watched) as watched
        );
        begin
            perform
                pg_catalog.set_config('request.jwt.claims', v_attempt ->> 'claims', true),
                pg_catalog.set_config('request.jwt.claim.sub', v_attempt ->> 'subject', true),
                pg_catalog.set_config('search_path', v_attempt ->> 'path', true),
                pg_catalog.set_config('role', v_attempt ->> 'role', true);
            if (v_attempt -> 'dry')::boolean then
                set local transaction_read_only = on;
            end if;
            if (v_attempt -> 'reads')::boolean then
                execute v_attempt ->> 'statement' into v_answer;
                v_outcome := pg_catalog.jsonb_build_object('answer', v_answer);
            else
                execute v_attempt ->> 'statement';
                get diagnostics v_rows = row_count;
                v_outcome := pg_catalog.jsonb_build_object('rows', v_rows);
            end if;
            perform
                pg_catalog.set_config('role', v_home, true),
                pg_catalog.set_config('search_path', '', true);
            v_now := (
                select sum(
                    pg_catalog.pg_stat_get_xact_tuples_inserted(watched)
                    + pg_catalog.pg_stat_get_xact_tuples_updated(watched)
                    + pg_catalog.pg_stat_get_xact_tuples_deleted(watched)
                )
                from pg_catalog.unnest(v_watched) as watched
            );
            if v_now is distinct from v_written or not v_counts then
                execute v_image_query into v_image;
                v_outcome := v_outcome || pg_catalog.jsonb_build_object('image', v_image);
            end if;
            raise exception using errcode = 'CC000';
        exception
            when sqlstate 'CC000' then
                null;
            when others or query_canceled or assert_failure then
                get stacked diagnostics
                    v_state = returned_sqlstate,
                    v_message = message_text,
                    v_context = pg_exception_context;
                v_outcome := v_outcome || pg_catalog.jsonb_build_object(
                    'state', v_state,
                    'message', v_message,
                    'context', v_context
                );
                v_cancelled := v_state = '57014';
        end;
        v_outcomes := pg_catalog.array_append(v_outcomes, v_outcome);
        -- The time of this statement is up; what is left gets another one.
        exit when v_cancelled;
    end loop;
    perform pg_catalog.set_config(
        'carecli.outcomes', pg_catalog.to_jsonb(v_outcomes)::text, true
    );
end;
$attempt$;
