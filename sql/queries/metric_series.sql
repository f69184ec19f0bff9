-- The course of one metric: its query for each slot of the window, [slot_from, slot_until). Slots
-- of a minute and longer end at whole minutes, which is where the roll-ups have their edges; so the
-- first and the last one may be shorter, and all together are the window.
with span as (
    select
        bound.until,
        case
            when %(step)s::interval >= interval '1 minute'
                then pg_catalog.date_trunc('minute', bound.until + interval '59.999999 seconds')
            else bound.until
        end as last_edge
    from (select coalesce(%(until)s::timestamptz, pg_catalog.now()) as until) as bound
),
measured_slot as (
    select
        part.number,
        case
            when part.number = 1 then span.until - %(window)s::interval
            else span.last_edge - %(step)s::interval * (%(slots)s::integer - part.number + 1)
        end as slot_from,
        case
            when part.number = %(slots)s::integer then span.until
            else span.last_edge - %(step)s::interval * (%(slots)s::integer - part.number)
        end as slot_until
    from span
    cross join pg_catalog.generate_series(1, %(slots)s::integer) as part (number)
)
select
    measured_slot.slot_from,
    measured_slot.slot_until,
    measured_metric.*
from measured_slot
left join lateral (
    select
        true as measured_row,
        measured_query.*
    from (
        {query}
    ) as measured_query
) as measured_metric
    on true
order by measured_slot.number;
