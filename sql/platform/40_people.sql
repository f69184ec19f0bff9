-- What: profiles and user_restrictions of the V1 application.
-- Why: V2 reads who is approved and who is restricted.
-- Requires: 20_auth.sql, 30_privileges.sql.
-- Transaction: yes.

set local role postgres;

create type public.verification_status as enum (
    'pending',
    'approved',
    'rejected'
);
comment on type public.verification_status is 'How far the team has got with checking a person.';

create table public.profiles (
    id uuid
        constraint profiles_pkey primary key
        constraint profiles_id_fkey references auth.users (id) on delete cascade,
    name text not null,
    location text,
    created_at timestamptz not null default pg_catalog.now(),
    is_admin boolean not null default false,
    verification_status public.verification_status not null default 'pending',
    email_confirmed boolean not null default false
);
alter table public.profiles enable row level security;

comment on table public.profiles is 'What members see of each other.';
comment on column public.profiles.id is 'The person, as in auth.users.';
comment on column public.profiles.name is 'Name to show.';
comment on column public.profiles.location is 'Part of town.';
comment on column public.profiles.created_at is 'When the profile was made.';
comment on column public.profiles.is_admin is 'Whether the person belongs to the team.';
comment on column public.profiles.verification_status is 'Only approved people may ask and help.';
comment on column public.profiles.email_confirmed is 'Whether the address was confirmed.';

create policy profiles_select_signed_in
    on public.profiles
    for select
    to authenticated
    using (true);
comment on policy profiles_select_signed_in on public.profiles is 'Members see each other.';

create policy profiles_insert_own
    on public.profiles
    for insert
    to authenticated
    with check (id = auth.uid());
comment on policy profiles_insert_own on public.profiles is 'People make their own profile.';

create policy profiles_update_own
    on public.profiles
    for update
    to authenticated
    using (id = auth.uid())
    with check (id = auth.uid());
comment on policy profiles_update_own on public.profiles is 'People keep their own profile.';

create table public.user_restrictions (
    id uuid default pg_catalog.gen_random_uuid()
        constraint user_restrictions_pkey primary key,
    user_id uuid not null
        constraint user_restrictions_user_id_fkey references auth.users (id) on delete cascade,
    restriction_level text not null default 'none'
        constraint user_restrictions_level_known
        check (restriction_level in ('none', 'limited', 'suspended', 'banned')),
    can_send_messages boolean not null default true,
    can_start_conversations boolean not null default true,
    requires_pre_approval boolean not null default false,
    message_limit_per_day integer default 100,
    reason text not null,
    applied_by uuid
        constraint user_restrictions_applied_by_fkey references auth.users (id) on delete set null,
    applied_at timestamptz not null default pg_catalog.now(),
    expires_at timestamptz
);
create index user_restrictions_user_id_idx on public.user_restrictions (user_id, applied_at desc);
create index user_restrictions_applied_by_idx on public.user_restrictions (applied_by);
alter table public.user_restrictions enable row level security;

comment on table public.user_restrictions is
    'Moderation measures; the newest unexpired row counts.';
comment on column public.user_restrictions.id is 'Key.';
comment on column public.user_restrictions.user_id is 'Who is restricted.';
comment on column public.user_restrictions.restriction_level is
    'none, limited, suspended or banned.';
comment on column public.user_restrictions.can_send_messages is 'False: may not send.';
comment on column public.user_restrictions.can_start_conversations is 'False: may not start.';
comment on column public.user_restrictions.requires_pre_approval is
    'True: messages wait for a moderator.';
comment on column public.user_restrictions.message_limit_per_day is
    'Messages a day; null: no limit.';
comment on column public.user_restrictions.reason is 'Why, for the team.';
comment on column public.user_restrictions.applied_by is 'Which moderator.';
comment on column public.user_restrictions.applied_at is 'Since when.';
comment on column public.user_restrictions.expires_at is 'Until when; null: until lifted.';

create policy user_restrictions_select_own
    on public.user_restrictions
    for select
    to authenticated
    using (user_id = auth.uid());
comment on policy user_restrictions_select_own on public.user_restrictions is
    'People see their own restrictions.';

reset role;
