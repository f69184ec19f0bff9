-- Rows of the event log, oldest first, of which the newest so many are wanted.
select recent.occurred_at,
       recent.request_id,
       recent.entry::text
  from (
        select logged.occurred_at,
               logged.request_id,
               logged.entry
          from messaging.rpc_event_log as logged
         where (%(since)s::timestamptz is null or logged.occurred_at >= %(since)s)
           and (%(request_id)s::text is null or logged.request_id = %(request_id)s)
           -- An id says when its call began, in milliseconds: other days need not be read.
           and logged.occurred_at >= coalesce(
                   to_timestamp(
                       substring(%(request_id)s::text from '^v2_([0-9]{13})_')::float8 / 1000
                   ) - interval '1 minute',
                   '-infinity'
               )
           and logged.occurred_at < coalesce(
                   to_timestamp(
                       substring(%(request_id)s::text from '^v2_([0-9]{13})_')::float8 / 1000
                   ) + interval '1 day',
                   'infinity'
               )
           and (%(method)s::text is null or logged.method = %(method)s)
           and (%(event)s::text is null or logged.event = %(event)s)
           and (%(error_code)s::text is null or logged.error_code = %(error_code)s)
           and (%(user_id)s::uuid is null or (logged.entry ->> 'user_id')::uuid = %(user_id)s)
         order by logged.occurred_at desc, logged.request_id desc
         limit %(limit)s
       ) as recent
 order by recent.occurred_at, recent.request_id;
