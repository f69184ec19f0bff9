-- case: missing
-- finds: error index public.messages_v2_sender_id_created_at_idx: is missing
drop index public.messages_v2_sender_id_created_at_idx;

-- case: of other columns
-- finds: error index public.messages_v2_sender_id_created_at_idx: is CREATE INDEX
drop index public.messages_v2_sender_id_created_at_idx;
create index messages_v2_sender_id_created_at_idx on public.messages_v2 (sender_id);

-- case: not valid
-- as: superuser
-- finds: error index public.messages_v2_pkey: is not valid
update pg_index set indisvalid = false where indexrelid = 'public.messages_v2_pkey'::regclass;

-- case: not of the plan
-- finds: warning index public.messages_v2_created_at_idx: is not of the plan
create index on public.messages_v2 (created_at);
