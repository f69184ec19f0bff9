-- A page in the middle of a long conversation.
\set heavy random(0, 7)
begin;
select
    set_config('role', 'authenticated', true),
    set_config(
        'request.jwt.claims',
        '{"role": "authenticated", "sub": "' || md5('heavy ' || :heavy)::uuid || '"}',
        true
    );
select public.get_messages_v2(
    md5('conversation ' || :heavy)::uuid,
    md5('heavy ' || :heavy)::uuid,
    :deep_time
);
commit;
