-- What: the clock of the server beside that of the client.
-- Why: the plan has the planner's times, the registry the server's, the log both.
-- Parameters: client_time.
select
    'warning' as level,
    'clock of the server' as object,
    pg_catalog.format(
        'it is %%s s %%s that of this machine',
        pg_catalog.round(abs(difference.seconds)),
        case when difference.seconds > 0 then 'ahead of' else 'behind' end
    ) as detail,
    'set both by NTP; timedatectl status shows which of them is not' as remediation
from (
    select extract(epoch from pg_catalog.clock_timestamp() - %(client_time)s::timestamptz)
) as difference (seconds)
where abs(difference.seconds) > 5;
