-- What: began a conversation between two other people
-- Table: public.conversations_v2
-- As: stranger, nobody
insert into public.conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
values (%(spare_request)s, %(requester)s, %(helper)s, %(text)s)
