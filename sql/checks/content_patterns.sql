-- What: there are patterns of prohibited content, each compiles, and none matches an empty text.
-- Why: a pattern that does not compile makes every message fail, one that matches everything
--     refuses every message, and with none at all nothing is refused.
-- Silent: about which patterns there are: an operator edits them.
-- Reads: messaging.content_patterns.
do $broken$
declare
    v_row record;
    v_broken pg_catalog.jsonb := '{}';
begin
    for v_row in
        select
            prohibited.name,
            prohibited.needs,
            prohibited.pattern
        from messaging.content_patterns as prohibited
    loop
        begin
            if '' ~* v_row.pattern or '' ~* v_row.needs then
                v_broken := v_broken
                    || pg_catalog.jsonb_build_object(v_row.name, 'matches every text');
            end if;
        exception
            when invalid_regular_expression then
                v_broken := v_broken || pg_catalog.jsonb_build_object(v_row.name, sqlerrm);
        end;
    end loop;
    perform pg_catalog.set_config('carecli.broken_patterns', v_broken::pg_catalog.text, true);
end;
$broken$;

select
    'error' as level,
    'row ' || broken.name || ' of messaging.content_patterns' as object,
    broken.reason as detail,
    'select messaging.remove_content_pattern(' || pg_catalog.quote_literal(broken.name) || ');'
        as remediation
from pg_catalog.jsonb_each_text(
    pg_catalog.current_setting('carecli.broken_patterns')::pg_catalog.jsonb
) as broken (name, reason)
union all
select
    'warning',
    'table messaging.content_patterns',
    'is empty, so that no message is ever refused',
    'Run the insert of migrations/deploy/moderation.sql again, or write patterns with '
    'messaging.set_content_pattern().'
where not exists (select from messaging.content_patterns)
order by object;
