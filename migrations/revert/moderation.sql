-- Revert care_collective_messaging:moderation from pg
--
-- What: drop the patterns, the allowed domains and their functions; refuse where an operator wrote
--     into them.
-- Why: the rows that the deploy wrote are no loss; what moderators found out since is.
-- Requires: nothing that checks content.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-table
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- From here on nobody can add the row that the count would miss.
lock table
    messaging.content_patterns,
    messaging.allowed_link_domains
    in access exclusive mode;

do $data_loss$
declare
    v_losses text;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    select pg_catalog.string_agg(
        pg_catalog.format('messaging.%I (%s rows)', loss.name, loss.rows), ', ' order by loss.name
    )
    into v_losses
    from (
        select
            'content_patterns' as name,
            pg_catalog.count(*) as rows
        from messaging.content_patterns as prohibited
        where prohibited.changed_at is not null
        union all
        select
            'allowed_link_domains',
            pg_catalog.count(*)
        from messaging.allowed_link_domains as allowed
        where allowed.changed_at is not null
    ) as loss
    where loss.rows > 0;
    if v_losses is not null then
        raise exception using
            errcode = 'object_in_use',
            message = 'reverting moderation would lose ' || v_losses,
            hint = 'Keep the change; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.disallow_link_domain(text);
drop function messaging.allow_link_domain(text);
drop function messaging.remove_content_pattern(text);
drop function messaging.set_content_pattern(text, text, text, text);
drop function messaging.check_content(text, text);
drop function messaging.is_allowed_host(text);
drop function messaging.plain_letters(text);

-- Their triggers go with the tables.
drop table messaging.allowed_link_domains;
drop table messaging.content_patterns;

drop function messaging.check_content_pattern();
drop function messaging.note_moderation_author();

commit;
