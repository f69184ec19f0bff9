-- What: a profile for each new user, as nearly every Supabase application makes it; columns of its
--     own that must not be null.
-- Why: probes that need people must get on with it.
-- Requires: 30_application.sql; a superuser session, as auth.users is not the owner's.

alter table public.profiles
    add column phone text,
    add column language text not null default 'en';
alter table public.help_requests
    add column region text not null default 'north';
alter table public.help_requests
    alter column region drop default;

create function public.handle_new_user()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.profiles (id, name, phone)
    values (new.id, coalesce(new.email, 'New member'), '');
    return new;
end $$;
alter function public.handle_new_user() owner to postgres;
create trigger on_auth_user_created
    after insert
    on auth.users
    for each row
    execute function public.handle_new_user();
