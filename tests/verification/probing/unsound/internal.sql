-- What: one of the internal functions that trust their caller, opened.
-- Finds: internal_function, function messaging.send_message(uuid,uuid,text,text)

grant usage
    on schema messaging
    to authenticated;
grant execute
    on function messaging.send_message(uuid, uuid, text, text)
    to authenticated;
