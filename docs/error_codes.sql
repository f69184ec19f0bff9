-- The error codes, as clients know them.
select entry.code,
       entry.http_status,
       entry.user_message,
       entry.client_action
  from messaging.error_codes as entry
 order by entry.http_status, entry.code;
