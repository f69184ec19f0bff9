-- Somebody with many conversations has the unread messages of a hundred counted.
\set heavy random(0, 7)
begin;
select
    set_config('role', 'authenticated', true),
    set_config(
        'request.jwt.claims',
        '{"role": "authenticated", "sub": "' || md5('heavy ' || :heavy)::uuid || '"}',
        true
    );
select public.list_conversations_v2(md5('heavy ' || :heavy)::uuid, 1, 100);
commit;
