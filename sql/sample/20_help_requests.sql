-- What: help requests of the sample people, one in each state.
-- Why: a demonstration needs something to answer, and something that can no longer be answered.
-- Requires: 10_people.sql.
-- Transaction: yes.

insert into public.help_requests (id, user_id, title, description, category, urgency, status)
values
    (
        'a0000000-0000-4000-8000-000000000001',
        '3e334e85-9879-af25-6d38-27d651b7804a',
        'Groceries for the week',
        'My knee is in plaster; two bags from the market would do.',
        'groceries',
        'normal',
        'open'
    ),
    (
        'a0000000-0000-4000-8000-000000000002',
        '3e334e85-9879-af25-6d38-27d651b7804a',
        'A lift to the clinic on Thursday',
        null,
        'transport',
        'urgent',
        'in_progress'
    ),
    (
        'a0000000-0000-4000-8000-000000000003',
        '3e334e85-9879-af25-6d38-27d651b7804a',
        'Somebody to change a light bulb',
        null,
        'household',
        'normal',
        'completed'
    ),
    (
        'a0000000-0000-4000-8000-000000000004',
        '3e334e85-9879-af25-6d38-27d651b7804a',
        'Company for a walk',
        null,
        'other',
        'normal',
        'cancelled'
    ),
    (
        'a0000000-0000-4000-8000-000000000005',
        '3e334e85-9879-af25-6d38-27d651b7804a',
        'Prescription from the pharmacy',
        null,
        'medical',
        'critical',
        'closed'
    ),
    (
        'a0000000-0000-4000-8000-000000000006',
        '270c1b08-4f3f-146e-b578-7075158d9c53',
        'Carry a bookshelf up two floors',
        null,
        'household',
        'normal',
        'open'
    )
on conflict (id) do nothing;
