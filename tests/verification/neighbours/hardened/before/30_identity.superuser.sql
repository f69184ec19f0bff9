-- What: auth.uid() as another version of the platform writes it.
-- Why: it is the platform's, and only what it answers matters.
-- Requires: sql/platform; a superuser session.

create or replace function auth.uid()
returns uuid
language plpgsql
stable
as $$
declare
    v_claims text := current_setting('request.jwt.claims', true);
begin
    if v_claims is null or v_claims = '' then
        return nullif(current_setting('request.jwt.claim.sub', true), '')::uuid;
    end if;
    return (v_claims::json ->> 'sub')::uuid;
end $$;
