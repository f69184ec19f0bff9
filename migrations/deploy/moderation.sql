-- Deploy care_collective_messaging:moderation to pg
--
-- What: prohibited content as data: patterns, and the domains that links may lead to.
-- Why: what must not be in a message is found out in use; an operator changes it without a deploy.
-- Requires: error_codes.
-- Transaction: yes.
--
-- squawk wants timeouts; all that is locked here is new.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- Tables -----------------------------------------------------------------------------------------

create table messaging.content_patterns (
    name text not null,
    category text not null,
    needs text,
    pattern text not null,
    changed_by text,
    changed_at timestamptz,
    constraint content_patterns_pkey
        primary key (name),
    constraint content_patterns_name_form
        check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint content_patterns_category_known
        check (category in ('profanity', 'phone_number', 'email_address', 'link')),
    constraint content_patterns_needs_length
        check (pg_catalog.char_length(needs) between 1 and 2000),
    constraint content_patterns_pattern_length
        check (pg_catalog.char_length(pattern) between 1 and 2000)
);

comment on table messaging.content_patterns is
    'What must not be in a message.';
comment on column messaging.content_patterns.name is
    'Key: what the pattern is for.';
comment on column messaging.content_patterns.category is
    'What the sender is told: profanity, phone_number, email_address or link.';
comment on column messaging.content_patterns.needs is
    'A simpler pattern that every text which the pattern matches has to match too; it is tried '
    'first, because that is faster. Null: there is none.';
comment on column messaging.content_patterns.pattern is
    'Advanced regular expression, matched without case in the plain letters of the text. '
    'In category link its first group is the host, which the list of allowed domains excuses.';
comment on column messaging.content_patterns.changed_by is
    'Who wrote it; null: it came with the deploy.';
comment on column messaging.content_patterns.changed_at is
    'When it was written; null: it came with the deploy.';

create table messaging.allowed_link_domains (
    domain text not null,
    changed_by text,
    changed_at timestamptz,
    constraint allowed_link_domains_pkey
        primary key (domain),
    constraint allowed_link_domains_domain_form
        check (
            domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'
            and pg_catalog.char_length(domain) <= 253
        )
);

comment on table messaging.allowed_link_domains is
    'Where links may lead to.';
comment on column messaging.allowed_link_domains.domain is
    'Domain in lower case, in Punycode where it is not ASCII; its subdomains are allowed with it.';
comment on column messaging.allowed_link_domains.changed_by is
    'Who wrote it; null: it came with the deploy.';
comment on column messaging.allowed_link_domains.changed_at is
    'When it was written; null: it came with the deploy.';

revoke all
    on table messaging.content_patterns, messaging.allowed_link_domains
    from public, anon, authenticated, service_role;

-- What ships -------------------------------------------------------------------------------------
-- Numbers are told from dates, times, prices and room numbers by how their digits are grouped.
-- Spaced out letters, words for digits and look-alikes of other alphabets are left to the
-- moderators. Few patterns, each with something simple that it needs: every message meets them.

insert into messaging.content_patterns (
    name,
    category,
    needs,
    pattern
)
values
    (
        'profanity_english',
        'profanity',
        'f[u*@#]+[c*@#]*k|sh[i1!*]t|b[i1!*]tch|(?:ss|rse)hole|c[u*]nt|ckhead|cksucker|wanker|twat'
        '|slut|whore|n[i1!*]gg|f[a4@*]gg?[o0*]t',
        '\m(?:(?:mother)?f[u*@#]+[c*@#]*k+(?:s|ed|er|ers|ing|in|face|wit)?'
        '|(?:bull|horse)?sh[i1!*]t+(?:s|y|ty|head|heads|ting)?'
        '|b[i1!*]tch(?:es|y|ing)?'
        '|(?:ass|arse)holes?'
        '|c[u*]nts?'
        '|d[i1!*]ckheads?'
        '|cocksuckers?'
        '|wankers?'
        '|twats?'
        '|sluts?'
        '|whores?'
        '|n[i1!*]gg(?:er|a)s?'
        '|f[a4@*]gg?[o0*]ts?'
        ')\M'
    ),
    (
        'phone_number',
        'phone_number',
        '\d[\d\s()./-]{6,}\d',
        -- International; ten digits as in North America; with the leading zero of a long-distance
        -- call; in pairs as in France; digit by digit.
        '(?:^|[^\d.,+])(?:\+|00)[1-9](?:[\s().-]{0,3}\d){7,14}(?:\D|$)'
        '|(?:^|\D)\d{3}\)?[\s.-]{0,3}\d{3}[\s.-]{0,3}\d{4}(?:\D|$)'
        '|(?:^|[^\d.,:/-])0\d{2,4}\)?[\s./-]{0,3}\d{3,4}[\s.-]?\d{3,5}(?:\D|$)'
        '|(?:^|[^\d.,:/-])0[1-9](?:(?:\s\d\d){4}|(?:\.\d\d){4}|(?:-\d\d){4})(?:\D|$)'
        '|(?:^|\D)\d(?:[\s.-]\d){9,14}(?:\D|$)'
    ),
    (
        'email_address',
        'email_address',
        '@',
        '[^\s@]@[^\s@.]+(?:\.[^\s@.]+)*\.[a-z]{2,}'
    ),
    (
        'email_address_spelled_out',
        'email_address',
        '\sdot\s|[\(\[\{<]\s*at',
        '[\(\[\{<]\s*at\s*[\)\]\}>]\s*[a-z0-9-]+(?:\.|\s*[\(\[\{<]?\s*dot\s*[\)\]\}>]?\s*)[a-z]{2}'
        '|\sat\s+[a-z0-9-]+\s+dot\s+(?:com|net|org|edu|gov|co|io|me|uk)(?:[^a-z]|$)'
    ),
    (
        'link_with_scheme',
        'link',
        '[ps]:[/\\]',
        '(?:https?|ftp):[/\\]+(?:[^\s/?#\\]*@)?([^\s/?#\\:<>"''(){},;!]+)'
    ),
    (
        'link_with_www',
        'link',
        'www\.',
        '(?:^|[^a-z0-9@./-])(www\.[^\s/?#\\:<>"''(){},;!]+)'
    ),
    (
        'link_without_scheme',
        'link',
        '\.[a-z]',
        '(?:^|[^a-z0-9@._-])((?:(?:[a-z0-9-]+\.)+(?:com|net|org|edu|gov|biz|io|xyz|ru|tk|co\.uk'
        '|org\.uk)|bit\.ly|goo\.gl|t\.me|wa\.me|discord\.gg)(?:\.[a-z0-9-]+)*)(?![a-z0-9-])'
    );

insert into messaging.allowed_link_domains (
    domain
)
values
    ('carecollective.example');

-- Who wrote what ---------------------------------------------------------------------------------

create function messaging.note_moderation_author()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    new.changed_by := session_user;
    new.changed_at := pg_catalog.clock_timestamp();
    return new;
end;
$function$;

revoke all
    on function messaging.note_moderation_author()
    from public, anon, authenticated, service_role;

comment on function messaging.note_moderation_author() is
    'Trigger: notes who wrote a row, which tells it from those that came with the deploy.';

create trigger content_patterns_note_author
    before insert or update
    on messaging.content_patterns
    for each row
    execute function messaging.note_moderation_author();
comment on trigger content_patterns_note_author on messaging.content_patterns is
    'Keeps changed_by and changed_at.';

create trigger allowed_link_domains_note_author
    before insert or update
    on messaging.allowed_link_domains
    for each row
    execute function messaging.note_moderation_author();
comment on trigger allowed_link_domains_note_author on messaging.allowed_link_domains is
    'Keeps changed_by and changed_at.';

create function messaging.check_content_pattern()
returns trigger
language plpgsql
set search_path = ''
as $function$
declare
    v_pattern pg_catalog.text;
    v_matches_nothing boolean;
begin
    begin
        foreach v_pattern in array array[new.needs, new.pattern] loop
            v_matches_nothing := '' ~* v_pattern;
        end loop;
    exception
        when invalid_regular_expression then
            raise exception using
                errcode = 'invalid_regular_expression',
                message = pg_catalog.format('pattern %I does not compile', new.name),
                detail = pg_catalog.format('%s: %s', sqlerrm, v_pattern),
                hint = 'Write an advanced regular expression of PostgreSQL, and a backslash '
                    'before each of .*+?()[]{}|\ that is meant as it stands.';
    end;
    if v_matches_nothing then
        raise exception using
            errcode = 'invalid_regular_expression',
            message = pg_catalog.format('pattern %I matches an empty text', new.name),
            detail = 'It would prohibit every message: ' || new.pattern,
            hint = 'Let the pattern ask for at least one character.';
    end if;
    return new;
end;
$function$;

revoke all
    on function messaging.check_content_pattern()
    from public, anon, authenticated, service_role;

comment on function messaging.check_content_pattern() is
    'Trigger: refuses a pattern that does not compile, or that every text would match.';

create trigger content_patterns_check_pattern
    before insert or update
    on messaging.content_patterns
    for each row
    execute function messaging.check_content_pattern();
comment on trigger content_patterns_check_pattern on messaging.content_patterns is
    'What does not compile is not written.';

-- The check --------------------------------------------------------------------------------------

create function messaging.plain_letters(
    p_text text
)
returns text
language sql
immutable
strict
parallel safe
set search_path = ''
return pg_catalog.translate(
    -- Accents, what has no width and what only changes the look of the character before it.
    pg_catalog.regexp_replace(
        pg_catalog.normalize(p_text, 'NFKD'),
        '[\u00ad\u0300-\u036f\u200b-\u200f\u2060-\u2064\u20d0-\u20ff\ufe00-\ufe0f\ufeff]',
        '',
        'g'
    ),
    U&'\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669'
    '\06f0\06f1\06f2\06f3\06f4\06f5\06f6\06f7\06f8\06f9'
    '\0966\0967\0968\0969\096a\096b\096c\096d\096e\096f'
    '\2010\2011\2012\2013\2014\2212\3002',
    '012345678901234567890123456789------.'
);

revoke all
    on function messaging.plain_letters(text)
    from public, anon, authenticated, service_role;

comment on function messaging.plain_letters(text) is
    'The text with full-width and other forms of letters, digits and dashes made plain.';

create function messaging.is_allowed_host(
    p_host text
)
returns boolean
language sql
stable
set search_path = ''
return exists (
    select
    from messaging.allowed_link_domains as allowed
    where pg_catalog.rtrim(pg_catalog.lower(p_host), '.') = allowed.domain
        or pg_catalog.rtrim(pg_catalog.lower(p_host), '.') like '%.' || allowed.domain
);

revoke all
    on function messaging.is_allowed_host(text)
    from public, anon, authenticated, service_role;

comment on function messaging.is_allowed_host(text) is
    'Whether a link may lead to the host: an allowed domain or a subdomain of one.';

create function messaging.check_content(
    p_request_id text,
    p_content text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
declare
    -- Most texts are ASCII, and plain as they are.
    v_text constant pg_catalog.text := case
        when pg_catalog.octet_length(p_content) = pg_catalog.char_length(p_content)
            then p_content
        else messaging.plain_letters(p_content)
    end;
    v_category pg_catalog.text;
    v_pattern pg_catalog.text;
begin
    -- Nearly every text ends here.
    if not exists (
        select
        from messaging.content_patterns as prohibited
        where case when v_text !~* prohibited.needs then false else v_text ~* prohibited.pattern end
    ) then
        return null;
    end if;

    for v_category, v_pattern in
        select
            prohibited.category,
            prohibited.pattern
        from messaging.content_patterns as prohibited
        where v_text ~* prohibited.pattern
        order by
            prohibited.category = 'link',
            prohibited.name
    loop
        if v_category <> 'link' or exists (
            select
            from pg_catalog.regexp_matches(v_text, v_pattern, 'gi') as link (groups)
            where messaging.is_allowed_host(link.groups[1]) is not true
        ) then
            return messaging.failure(
                p_request_id,
                'validation_error',
                'prohibited_content',
                'Message contains prohibited content',
                pg_catalog.jsonb_build_object('category', v_category)
            );
        end if;
    end loop;
    return null;
end;
$function$;

revoke all
    on function messaging.check_content(text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.check_content(text, text) is
    'Answers null for a text without prohibited content, else the refusal with its category.';

-- Operations -------------------------------------------------------------------------------------

create function messaging.set_content_pattern(
    p_name text,
    p_category text,
    p_pattern text,
    p_needs text default null
)
returns void
language sql
volatile
security definer
set search_path = ''
begin atomic
    insert into messaging.content_patterns (
        name,
        category,
        needs,
        pattern
    )
    values (
        p_name,
        p_category,
        p_needs,
        p_pattern
    )
    on conflict (name) do update
    set
        category = excluded.category,
        needs = excluded.needs,
        pattern = excluded.pattern;
end;

revoke all
    on function messaging.set_content_pattern(text, text, text, text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.set_content_pattern(text, text, text, text)
    to service_role;

comment on function messaging.set_content_pattern(text, text, text, text) is
    'Adds a pattern, or replaces the one of that name; holds from the next message on.';

create function messaging.remove_content_pattern(
    p_name text
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    delete from messaging.content_patterns
    where content_patterns.name = p_name;
    return found;
end;
$function$;

revoke all
    on function messaging.remove_content_pattern(text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.remove_content_pattern(text)
    to service_role;

comment on function messaging.remove_content_pattern(text) is
    'Deletes a pattern; false where there is none of that name.';

create function messaging.allow_link_domain(
    p_domain text
)
returns void
language sql
volatile
security definer
set search_path = ''
begin atomic
    insert into messaging.allowed_link_domains (
        domain
    )
    values (
        pg_catalog.lower(p_domain)
    )
    on conflict (domain) do nothing;
end;

revoke all
    on function messaging.allow_link_domain(text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.allow_link_domain(text)
    to service_role;

comment on function messaging.allow_link_domain(text) is
    'Allows links to a domain and its subdomains.';

create function messaging.disallow_link_domain(
    p_domain text
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    delete from messaging.allowed_link_domains
    where allowed_link_domains.domain = pg_catalog.lower(p_domain);
    return found;
end;
$function$;

revoke all
    on function messaging.disallow_link_domain(text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.disallow_link_domain(text)
    to service_role;

comment on function messaging.disallow_link_domain(text) is
    'Takes a domain off the list; false where it was not on it.';

commit;
