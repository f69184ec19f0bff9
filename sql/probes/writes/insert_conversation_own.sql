-- What: began a conversation past the function, hence past limits and moderation
-- Table: public.conversations_v2
-- As: stranger
insert into public.conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
values (%(spare_request)s, %(requester)s, %(me)s, %(text)s)
