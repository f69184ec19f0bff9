"""Prohibited content: what the shipped patterns find, what they leave alone, what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan
from tests.plugins.reading import assert_verify_goes_red

ALLOWED = (
    "I can come at 10:30 on 12/05/2025, flat 221",
    "room 1234-56",
    "The groceries cost $1,250.00 or 12.50 EUR",
    "Meet between 10:00-12:00, Mon 2025-11-21 10:30",
    "Bus 100, 200 or 3000 leaves at 0900-1200",
    "My flat is 12B, 3rd floor, postcode 12345-6789",
    "I live in Scunthorpe, near Cockfosters; first class assessment of the shitake mushrooms",
    "See you @ home. Please bring milk",
    "look (at) home. Bring 2 bags",
    "I am at home dot that is it",
    "Dick Van Dyke and Moby-Dick are on",
    "https://carecollective.example/help/1 has it",
    "see help.carecollective.example. Thanks",
    "www.carecollective.example/faq",
    "No. 5 e.g. this one.Come at 5",
    "2 + 3 = 5, 100 000 people",
    "I need 10 x 500g, 20 x 250ml, 1.5l",
    "order 12345678",
    "from 12.05.2025 to 13.05.2025",
    "from 01.02.2025 10:00 till 02.02.2025 11:30",
    "05/12/2025 06:07:08",
    "The code is 4711-0815",
    "Call me maybe",
    "pay 500-1000 at 1600-1800",
    "year 2024/2025, 2025-2026",
    "1 2 3 4 5 6 7 8 9",
    "blood pressure 120/80, 130/85, 125/82",
    "take 100 mg at 0800 1200",
    "meeting 24.12.2025 14:00 - 16:00 room 0.123",
    "it is 5@1.50 each",
    "price 1.234.567,89",
    "we met on 1999-12-31 23:59:59",
    "GPS 52.520008, 13.404954",
    "Mr.Smith and Dr.Jones will come",
    "flight LH1234 at 1355",
    "Are you on the 10.15 or the 11.45 train on 3.5.?",
    "serial 12-345-67",
    "Please fetch 2 l of milk, 1 kg of flour, 500 g of rice (about $12.50)",
    "My number is on the list at the door",
    "Gr\u00fc\u00dfe aus K\u00f6ln, ich komme um 18:30 \u2013 Stra\u00dfe 12, Wohnung 4",
    "\u3042\u308a\u304c\u3068\u3046\u3054\u3056\u3044\u307e\u3059\u3002\u660e\u65e5\uff11\uff10\u6642\u306b\u884c\u304d\u307e\u3059",
    "\U0001f600\U0001f44d\U0001f3fd see you at 7!",
    "Je serai l\u00e0 \u00e0 10 h, au 12 bis",
    "I will be there 5.30-6.00 pm, or 17:30-18:00",
    "Take tablets at 08:00, 14:00 and 20:00 on 1/2/25 and 2/2/25",
    "The recipe needs 1/2 cup, 3/4 cup and 1 1/2 cups",
    "the cocktail party was a hit, assistants wanted",
)

PROHIBITED = {
    "phone_number": (
        "call 555-123-4567",
        "call (555) 123-4567 today",
        "call 555.123.4567",
        "call 5551234567!",
        "+1 555 123 4567",
        "+1 (555) 123-4567",
        "1-555-123-4567",
        "+49 170 1234567",
        "+44 20 7946 0958",
        "0044 20 7946 0958",
        "0170 1234567",
        "0170/1234567",
        "(030) 123 45678",
        "020 7946 0958",
        "01632 960 961",
        "06 12 34 56 78",
        "5 5 5 1 2 3 4 5 6 7",
        "\uff15\uff15\uff15-\uff11\uff12\uff13-\uff14\uff15\uff16\uff17",
        "\u0665\u0665\u0665-\u0661\u0662\u0663-\u0664\u0665\u0666\u0667",
        "555\u2011123\u20114567",
        "5\ufe0f\u20e35\ufe0f\u20e35\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e34\ufe0f\u20e35\ufe0f\u20e36\ufe0f\u20e37\ufe0f\u20e3",
        "555\u200b123\u200b4567",
        "030 123 45678 or mail",
        "(0170) 1234567",
        "06.12.34.56.78",
        "06-12-34-56-78",
    ),
    "email_address": (
        "rosa@example.org",
        "Rosa.M+x@Mail.Example.CO.UK please",
        "rosa (at) example.org",
        "rosa [at] example [dot] org",
        "rosa at example dot com",
        "rosa\uff20example\uff0eorg",
        "https://carecollective.example@evil.example/",
        "https://evil.example\\@carecollective.example/",
    ),
    "link": (
        "https://evil.example/x",
        "HTTPS://EVIL.EXAMPLE",
        "https://carecollective.example.evil.com/",
        "https://notcarecollective.example",
        "see www.evil.example",
        "evil.com",
        "evil.co.uk/path",
        "carecollective.example.com",
        "bit.ly/abc",
        "https://carecollective.example and https://evil.example",
        "\uff48\uff54\uff54\uff50\uff53://\uff45\uff56\uff49\uff4c.\uff43\uff4f\uff4d",
        "http://192.0.2.1/x",
        "https:\\\\evil.example",
        "https://evil.example\\.carecollective.example",
        "evil.com.zz",
    ),
    "profanity": (
        "what the fuck",
        "FUCKING hell",
        "f*ck you",
        "this is bullshit.",
        "sh1t",
        "you b!tch",
        "\uff46\uff55\uff43\uff4b",
        "f\u00fack",
        "f\u200buck",
        "asshole",
        "arseholes!",
        "You dickhead",
        "motherfucker",
        "fuuuck",
    ),
}


@pytest.fixture
def moderated(database: TestDatabase, plan: Plan) -> TestDatabase:
    """Give a database with the patterns, and nothing yet that asks them."""
    plan.deploy(plan.through("moderation"))
    return database


def category(database: TestDatabase, text: str | None) -> str | None:
    """Return the category of what is prohibited in the text, or None."""
    ((found,),) = database.execute("select messaging.check_content('r', %s) ->> 'category'", text)
    answer: str | None = found
    return answer


def test_ordinary_sentences_are_left_alone(moderated: TestDatabase) -> None:
    """Dates, times, prices, rooms, names and our own links raise no alarm."""
    alarms = {text: found for text in ALLOWED if (found := category(moderated, text))}
    assert alarms == {}


@pytest.mark.parametrize("expected", PROHIBITED)
def test_prohibited_content_is_found(moderated: TestDatabase, expected: str) -> None:
    """Numbers, addresses, links and insults are found in the usual ways of writing them."""
    texts = PROHIBITED[expected]
    found = {text: category(moderated, text) for text in texts}
    assert found == dict.fromkeys(texts, expected)


@pytest.mark.parametrize("expected", PROHIBITED)
@pytest.mark.parametrize("frame", ["{}", "well, {} ok", "({})", "a\n{}\nb", "{}."])
def test_neighbours_do_not_hide_it(moderated: TestDatabase, expected: str, frame: str) -> None:
    """It is found at the ends and in the middle, in brackets and on a line of its own."""
    texts = [frame.format(text) for text in PROHIBITED[expected]]
    assert [text for text in texts if category(moderated, text) is None] == []


def test_case_makes_no_difference(moderated: TestDatabase) -> None:
    """What is found in lower case is found in capitals."""
    texts = [text.upper() for texts in PROHIBITED.values() for text in texts]
    assert [text for text in texts if category(moderated, text) is None] == []


def test_what_a_pattern_needs_hides_nothing(moderated: TestDatabase) -> None:
    """With the simpler patterns taken away, the same texts are prohibited and no others."""
    texts = [*ALLOWED, *(text for texts in PROHIBITED.values() for text in texts)]
    before = [category(moderated, text) for text in texts]
    moderated.execute("update messaging.content_patterns set needs = null")
    assert [category(moderated, text) for text in texts] == before


def test_whole_answer(moderated: TestDatabase) -> None:
    """The answer names the category, and neither the pattern nor the place."""
    assert moderated.execute("select messaging.check_content('r', 'see evil.com')") == [
        (
            {
                "success": False,
                "error": "validation_error",
                "message": "Message contains prohibited content",
                "http_status": 400,
                "details": {"reason": "prohibited_content", "category": "link"},
                "category": "link",
                "request_id": "r",
            },
        )
    ]


@pytest.mark.parametrize(
    "text", [None, "", " ", "\U0001f600" * 1000, "\u0301" * 1000, "\u202e\u200f"]
)
def test_odd_texts_are_no_fault(moderated: TestDatabase, text: str | None) -> None:
    """Nothing, white space, emoji, marks without letters and directions are allowed."""
    assert category(moderated, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1" * 65536,
        "1 " * 30000,
        "a@" * 30000,
        "a." * 30000,
        "\ufdfa" * 20000,
        "(at)" * 15000,
        "https://" * 8000,
        "f" * 65536,
        "0-" * 30000,
    ],
)
def test_hostile_texts_do_not_run_away(moderated: TestDatabase, text: str) -> None:
    """No pattern runs away on the longest text that is looked at."""
    moderated.execute("set statement_timeout = '10s'")
    category(moderated, text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.net", None),
        ("EXAMPLE.net", None),
        ("example.net.", None),
        ("help.example.net", None),
        ("a.b.example.net:8443", None),
        ("notexample.net", "link"),
        ("example.net.evil.org", "link"),
        ("example.org", "link"),
        ("example-net", "link"),
        ("xn--exmple-cua.net", "link"),
        ("ex\u0430mple.net", "link"),
    ],
)
def test_allowed_domains(moderated: TestDatabase, host: str, expected: str | None) -> None:
    """A domain that is allowed is allowed with its subdomains, and with nothing else."""
    service = moderated.as_role("service_role")
    service.execute("select messaging.allow_link_domain('Example.net')")
    assert category(moderated, f"look at https://{host}/path?q=1#there") == expected
    service.execute("select messaging.disallow_link_domain('example.net')")
    assert category(moderated, f"look at https://{host}/path?q=1#there") == "link"


def test_one_link_among_allowed_ones(moderated: TestDatabase) -> None:
    """Each link of a text is looked at."""
    own = "https://carecollective.example/1"
    assert category(moderated, f"{own} {own} www.{own[8:]}") is None
    assert category(moderated, f"{own} https://evil.example {own}") == "link"


def test_operator_adds_and_removes_a_pattern(moderated: TestDatabase) -> None:
    """The service role writes patterns, which hold from the next message on."""
    service = moderated.as_role("service_role")
    set_pattern = "select messaging.set_content_pattern(%s, %s, %s, %s)"
    text = "ring me on MyApp"
    assert category(moderated, text) is None
    service.execute(set_pattern, ["other_app", "link", r"\mmyapp\M", "app"])
    assert category(moderated, text) == "link"
    service.execute(set_pattern, ["other_app", "phone_number", r"\mmyapp\M", None])
    assert category(moderated, text) == "phone_number"
    remove = "select messaging.remove_content_pattern('other_app')"
    assert service.execute(remove).fetchone() == (True,)
    assert service.execute(remove).fetchone() == (False,)
    assert category(moderated, text) is None


@pytest.mark.parametrize(
    ("pattern", "needs", "detail"),
    [
        ("(open", None, "parentheses () not balanced: (open"),
        ("[open", None, "brackets [] not balanced: [open"),
        ("x{2,1}", None, "invalid repetition count(s): x{2,1}"),
        ("*", None, "quantifier operand invalid: *"),
        ("fine", "(open", "parentheses () not balanced: (open"),
    ],
)
def test_pattern_that_does_not_compile_is_refused(
    moderated: TestDatabase, pattern: str, needs: str | None, detail: str
) -> None:
    """The error names the pattern and what is wrong with it, and says what would be right."""
    with pytest.raises(psycopg.errors.InvalidRegularExpression) as caught:
        moderated.execute(
            "select messaging.set_content_pattern('mine', 'link', %s, %s)", pattern, needs
        )
    diagnosis = caught.value.diag
    assert diagnosis.sqlstate == "2201B"
    assert diagnosis.message_primary == "pattern mine does not compile"
    assert detail in (diagnosis.message_detail or "")
    assert "regular expression" in (diagnosis.message_hint or "")
    with pytest.raises(psycopg.errors.InvalidRegularExpression):
        moderated.execute("update messaging.content_patterns set pattern = '('")
    assert category(moderated, "a fine message") is None


@pytest.mark.parametrize("pattern", ["x*", "", "a|", "^", "()"])
def test_pattern_that_everything_matches_is_refused(moderated: TestDatabase, pattern: str) -> None:
    """A slip that would stop all messages is refused, and says so."""
    with pytest.raises(psycopg.errors.InvalidRegularExpression, match="matches an empty text"):
        moderated.execute("select messaging.set_content_pattern('mine', 'link', %s)", pattern)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("select messaging.set_content_pattern('mine', 'rude', 'x')", "CheckViolation"),
        ("select messaging.set_content_pattern('Mine!', 'link', 'x')", "CheckViolation"),
        ("select messaging.set_content_pattern(null, 'link', 'x')", "NotNullViolation"),
        ("select messaging.set_content_pattern('mine', null, 'x')", "NotNullViolation"),
        ("select messaging.set_content_pattern('mine', 'link', null)", "NotNullViolation"),
        (
            "select messaging.set_content_pattern('mine', 'link', repeat('x', 2001))",
            "CheckViolation",
        ),
        ("select messaging.set_content_pattern('mine', 'link', 'x', '')", "CheckViolation"),
        ("select messaging.allow_link_domain('https://example.org')", "CheckViolation"),
        ("select messaging.allow_link_domain('example.org/path')", "CheckViolation"),
        ("select messaging.allow_link_domain('org')", "CheckViolation"),
        ("select messaging.allow_link_domain('.example.org')", "CheckViolation"),
        ("select messaging.allow_link_domain('')", "CheckViolation"),
        ("select messaging.allow_link_domain(null)", "NotNullViolation"),
    ],
)
def test_senseless_rows_are_refused(moderated: TestDatabase, statement: str, error: str) -> None:
    """A category, name or domain that is none does not get into the tables."""
    with pytest.raises(getattr(psycopg.errors, error)):
        moderated.execute(statement)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "statement",
    [
        "select messaging.set_content_pattern('mine', 'link', 'x')",
        "select messaging.remove_content_pattern('email_address')",
        "select messaging.allow_link_domain('evil.com')",
        "select messaging.disallow_link_domain('carecollective.example')",
        "select messaging.check_content('r', 'x')",
        "select pattern from messaging.content_patterns",
    ],
)
def test_moderation_is_closed(
    moderated: TestDatabase, people: People, role: str, statement: str
) -> None:
    """Nobody reads the patterns to get round them, or writes them."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        moderated.as_role(role, people.mei).execute(statement)


@pytest.mark.parametrize("table", ["content_patterns", "allowed_link_domains"])
def test_service_role_touches_no_table(moderated: TestDatabase, table: str) -> None:
    """The service role goes through the functions."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        moderated.as_role("service_role").execute(f"delete from messaging.{table}")


def test_who_wrote_a_row_is_noted(moderated: TestDatabase) -> None:
    """What shipped has no author; what somebody wrote since has one."""
    assert moderated.execute(
        "select count(*) from messaging.content_patterns where changed_by is not null"
    ) == [(0,)]
    moderated.execute("update messaging.content_patterns set pattern = 'x' where category = 'link'")
    assert moderated.execute(
        "select distinct changed_by, changed_at > now() - interval '1 minute', category"
        " from messaging.content_patterns where changed_by is not null"
    ) == [(moderated.server.migrating_role, True, "link")]


@pytest.mark.parametrize(
    "text", ["My number is 555-123-4567, call me", "Look at evil.com/x please"]
)
def test_messages_are_checked(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, text: str
) -> None:
    """The first message and the following ones go through the check, and nothing is written."""
    counts = (
        "select (select count(*) from public.conversations_v2),"
        " (select count(*) from public.messages_v2)"
    )
    before = migrated.execute(counts)
    answers = [
        call(people.ben, "send_message_v2", conversation, people.ben, text),
        call(
            people.ben,
            "create_conversation_atomic",
            people.in_progress_request,
            people.ben,
            text,
        ),
    ]
    for answer in answers:
        assert answer["error"] == "validation_error"
        assert answer["details"]["reason"] == "prohibited_content"
    assert migrated.execute(counts) == before


def test_revert_takes_what_shipped_along(moderated: TestDatabase, plan: Plan) -> None:
    """Patterns that nobody touched are no loss."""
    plan.revert(plan.through("moderation") - 1)
    assert moderated.execute("select to_regclass('messaging.content_patterns')") == [(None,)]


@pytest.mark.parametrize(
    ("statement", "loss"),
    [
        (
            "select messaging.set_content_pattern('mine', 'link', 'x')",
            "messaging.content_patterns (1 rows)",
        ),
        (
            "update messaging.content_patterns set pattern = 'x' where name = 'email_address'",
            "messaging.content_patterns (1 rows)",
        ),
        (
            "select messaging.allow_link_domain('example.org')",
            "messaging.allowed_link_domains (1 rows)",
        ),
    ],
)
def test_revert_refuses_to_lose_an_edit(
    moderated: TestDatabase, plan: Plan, statement: str, loss: str
) -> None:
    """What an operator wrote stays until somebody allows the loss."""
    moderated.execute(statement)
    before = plan.through("moderation") - 1
    with pytest.raises(psycopg.errors.ObjectInUse) as caught:
        plan.revert(before)
    assert loss in (caught.value.diag.message_primary or "")
    plan.revert(before, carecli__allow_data_loss="on")


BREAKAGES = {
    "all is well": """
        create or replace function messaging.check_content(p_request_id text, p_content text)
        returns jsonb language sql as 'select null::jsonb'
    """,
    "no plain letters": """
        create or replace function messaging.plain_letters(p_text text)
        returns text language sql immutable strict as 'select p_text'
    """,
    "suffix for subdomain": """
        create or replace function messaging.is_allowed_host(p_host text) returns boolean
        language sql stable as $$
            select exists (
                select from messaging.allowed_link_domains where lower(p_host) like '%' || domain
            )
        $$
    """,
    "anything compiles": """
        drop trigger content_patterns_check_pattern on messaging.content_patterns
    """,
    "any category": """
        alter table messaging.content_patterns drop constraint content_patterns_category_known
    """,
    "any domain": """
        alter table messaging.allowed_link_domains
            drop constraint allowed_link_domains_domain_form
    """,
    "set by users": """
        grant execute on function messaging.set_content_pattern(text, text, text, text)
            to authenticated
    """,
    "read by users": "grant select on messaging.content_patterns to authenticated",
    "search path open": "alter function messaging.allow_link_domain(text) reset search_path",
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(moderated: TestDatabase, plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(moderated, partial(plan.run, "verify", "moderation"), breakage)


@pytest.mark.parametrize(
    "edit",
    [
        "delete from messaging.content_patterns",
        "select messaging.set_content_pattern('mine', 'link', '.')",
        "delete from messaging.allowed_link_domains",
    ],
)
def test_verify_works_on_edited_patterns(moderated: TestDatabase, plan: Plan, edit: str) -> None:
    """Whatever an operator made of the patterns, verify passes and leaves it."""
    moderated.execute(edit)

    def rows() -> list[tuple[Any, ...]]:
        return moderated.execute(
            "select name, pattern, changed_at from messaging.content_patterns"
            " union all select domain, null, changed_at from messaging.allowed_link_domains"
            " order by 1"
        )

    before = rows()
    plan.run("verify", "moderation")
    assert rows() == before
