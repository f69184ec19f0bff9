-- What: a view in another schema, which has the rights of its owner.
-- Finds: direct_read, view reports.written

create schema reports;
grant usage
    on schema reports
    to authenticated;

create view reports.written as
select
    message.id,
    message.content
from public.messages_v2 as message;
grant select
    on table reports.written
    to authenticated;
