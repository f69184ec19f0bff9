-- case: off
-- finds: error table public.messages_v2: row-level security is off
alter table public.messages_v2 disable row level security;

-- case: forced
-- finds: error table public.conversations_v2: row-level security is forced
alter table public.conversations_v2 force row level security;

-- case: silent about tables of others
alter table public.profiles disable row level security;
alter table public.help_requests force row level security;
