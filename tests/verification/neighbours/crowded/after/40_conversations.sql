-- What: conversations of both systems, and what the backfill copies of them.
-- Why: verify looks at a database that is in use.
-- Requires: the whole plan; sql/sample.

insert into public.conversations_v2 (id, help_request_id, requester_id, helper_id, initial_message)
values (
    'c0000000-0000-4000-8000-000000000001',
    'a0000000-0000-4000-8000-000000000001',
    '3e334e85-9879-af25-6d38-27d651b7804a',
    'e4774cdd-a079-3f86-414e-8b9140bb6db4',
    'I can bring the groceries.'
);
insert into public.messages_v2 (conversation_id, sender_id, content)
values (
    'c0000000-0000-4000-8000-000000000001',
    '3e334e85-9879-af25-6d38-27d651b7804a',
    'That would be lovely.'
);
insert into public.conversations (id, help_request_id, created_by)
values (
    'd0000000-0000-4000-8000-000000000001',
    'a0000000-0000-4000-8000-000000000002',
    'e4774cdd-a079-3f86-414e-8b9140bb6db4'
);
insert into public.conversation_participants (conversation_id, user_id)
values
    ('d0000000-0000-4000-8000-000000000001', 'e4774cdd-a079-3f86-414e-8b9140bb6db4'),
    ('d0000000-0000-4000-8000-000000000001', '3e334e85-9879-af25-6d38-27d651b7804a');
insert into public.messages (conversation_id, sender_id, recipient_id, content)
values (
    'd0000000-0000-4000-8000-000000000001',
    'e4774cdd-a079-3f86-414e-8b9140bb6db4',
    '3e334e85-9879-af25-6d38-27d651b7804a',
    'I have a car on Thursday.'
);
select messaging.backfill_conversations(100);
