-- What: a handful of people for a demonstration.
-- Why: `carecli db reset --sample` and the tests start from them. Their ids fall into the rollout
--     buckets 7, 30, 23 and 99.
-- Requires: sql/platform.
-- Transaction: yes.

insert into auth.users (id, aud, role, email)
values
    ('3e334e85-9879-af25-6d38-27d651b7804a', 'authenticated', 'authenticated', 'rosa@example.org'),
    ('e4774cdd-a079-3f86-414e-8b9140bb6db4', 'authenticated', 'authenticated', 'ben@example.org'),
    ('270c1b08-4f3f-146e-b578-7075158d9c53', 'authenticated', 'authenticated', 'mei@example.org'),
    ('7b8d62fd-2f0f-5b2e-3ba5-437e5b983128', 'authenticated', 'authenticated', 'sam@example.org')
on conflict (id) do nothing;

insert into public.profiles (id, name, location, is_admin, verification_status, email_confirmed)
values
    ('3e334e85-9879-af25-6d38-27d651b7804a', 'Rosa', 'Old Town', false, 'approved', true),
    ('e4774cdd-a079-3f86-414e-8b9140bb6db4', 'Ben', 'Riverside', false, 'approved', true),
    ('270c1b08-4f3f-146e-b578-7075158d9c53', 'Mei', 'Old Town', true, 'approved', true),
    ('7b8d62fd-2f0f-5b2e-3ba5-437e5b983128', 'Sam', 'Hillside', false, 'pending', true)
on conflict (id) do nothing;
