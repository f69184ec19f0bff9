-- What: began a conversation in the name of another
-- Table: public.conversations
-- As: stranger, nobody, fellow
insert into public.conversations (help_request_id, created_by)
values (%(spare_request)s, %(helper)s)
