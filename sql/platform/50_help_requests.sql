-- What: help_requests of the V1 application.
-- Why: every conversation is about one.
-- Requires: 40_people.sql.
-- Transaction: yes.

set local role postgres;

create table public.help_requests (
    id uuid default pg_catalog.gen_random_uuid()
        constraint help_requests_pkey primary key,
    user_id uuid not null
        constraint help_requests_user_id_fkey references public.profiles (id) on delete cascade,
    title text not null,
    description text,
    category text not null
        constraint help_requests_category_known
        check (category in ('groceries', 'transport', 'household', 'medical', 'other')),
    urgency text not null default 'normal'
        constraint help_requests_urgency_known
        check (urgency in ('normal', 'urgent', 'critical')),
    status text not null default 'open'
        constraint help_requests_status_known
        check (status in ('open', 'in_progress', 'completed', 'cancelled', 'closed')),
    helper_id uuid
        constraint help_requests_helper_id_fkey references public.profiles (id),
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    completed_at timestamptz,
    cancelled_at timestamptz
);
create index help_requests_user_id_idx on public.help_requests (user_id);
create index help_requests_helper_id_idx on public.help_requests (helper_id);
create index help_requests_status_idx on public.help_requests (status);
alter table public.help_requests enable row level security;

comment on table public.help_requests is 'What people ask the collective for.';
comment on column public.help_requests.id is 'Key.';
comment on column public.help_requests.user_id is 'Who asks: the owner of the request.';
comment on column public.help_requests.title is 'What for, in a line.';
comment on column public.help_requests.description is 'What for, at length.';
comment on column public.help_requests.category is 'Kind of help.';
comment on column public.help_requests.urgency is 'How soon.';
comment on column public.help_requests.status is 'Offers are taken while open or in_progress.';
comment on column public.help_requests.helper_id is 'Who helps, once that is settled.';
comment on column public.help_requests.created_at is 'When it was asked.';
comment on column public.help_requests.updated_at is 'When the row last changed.';
comment on column public.help_requests.completed_at is 'When the help was given.';
comment on column public.help_requests.cancelled_at is 'When the owner took it back.';

create policy help_requests_select_approved
    on public.help_requests
    for select
    to authenticated
    using (
        exists (
            select
            from public.profiles as profile
            where profile.id = auth.uid()
                and profile.verification_status = 'approved'
                and profile.email_confirmed
        )
    );
comment on policy help_requests_select_approved on public.help_requests is
    'Requests are shown to approved members with a confirmed address.';

create policy help_requests_insert_own
    on public.help_requests
    for insert
    to authenticated
    with check (user_id = auth.uid());
comment on policy help_requests_insert_own on public.help_requests is 'People ask for themselves.';

create policy help_requests_update_own
    on public.help_requests
    for update
    to authenticated
    using (user_id = auth.uid())
    with check (user_id = auth.uid());
comment on policy help_requests_update_own on public.help_requests is
    'Only the owner edits or closes a request.';

reset role;
