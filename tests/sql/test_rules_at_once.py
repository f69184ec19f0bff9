"""What limits and prohibited content come to, in one row: it is never behind, and never laxer."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Plan
from tests.plugins.reading import assert_verify_goes_red
from tests.plugins.sessions import in_background, until_waiting


@pytest.fixture
def ruled(database: TestDatabase, plan: Plan) -> TestDatabase:
    """Give a database with the row, and nothing yet that asks it."""
    plan.deploy(plan.through("rules_at_once"))
    return database


def test_row_that_ships(ruled: TestDatabase) -> None:
    """The deploy writes it; short patterns are in one expression."""
    ((start, send, prohibited),) = ruled.execute(
        "select (start_maximum, start_period)::text, (send_maximum, send_period)::text, prohibited"
        " from messaging.rules_at_once"
    )
    assert (start, send) == ("(10,01:00:00)", "(50,00:01:00)")
    assert len(prohibited) == 2
    assert "(?:@)|" in prohibited[0]


CHANGES = {
    "limit set": "select messaging.set_limit('send_message', 3, '5 minutes')",
    "limit gone": "delete from messaging.limits where action = 'start_conversation'",
    "limits gone": "truncate messaging.limits",
    "pattern added": "select messaging.set_content_pattern('fruit', 'profanity', 'mango')",
    "pattern replaced": "select messaging.set_content_pattern('link_with_www', 'link', '(w{3})')",
    "pattern removed": "select messaging.remove_content_pattern('link_with_www')",
    "patterns gone": "truncate messaging.content_patterns",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_row_is_kept(ruled: TestDatabase, change: str) -> None:
    """Whatever changes, the row is what it is made of, and another one than before."""
    row = "select rules::text from messaging.rules_at_once as rules"
    before = ruled.execute(row)
    ruled.execute(change)
    after = ruled.execute(row)
    assert after == ruled.execute("select messaging.read_rules_at_once()::text")
    assert after != before


def test_row_comes_back(ruled: TestDatabase) -> None:
    """What somebody deleted is there again after the next change of a rule."""
    ruled.execute("delete from messaging.rules_at_once")
    ruled.execute("update messaging.limits set maximum = maximum")
    assert ruled.execute("select rules::text from messaging.rules_at_once as rules") == (
        ruled.execute("select messaging.read_rules_at_once()::text")
    )


def test_operators_at_once_lose_nothing(ruled: TestDatabase) -> None:
    """Who comes second waits, and his row has what the first wrote."""
    first, second = ruled.connect(), ruled.connect()
    with first.transaction():
        first.execute("select messaging.set_content_pattern('fruit', 'profanity', 'mango')")
        thread, _ = in_background(
            lambda: second.execute("select messaging.set_limit('send_message', 3, '5 minutes')")
        )
        until_waiting(ruled, second)
    thread.join()
    ((maximum, prohibited),) = ruled.execute(
        "select send_maximum, prohibited from messaging.rules_at_once"
    )
    assert maximum == 3
    assert any("mango" in pattern for pattern in prohibited)


def test_operators_under_repeatable_read_lose_nothing(ruled: TestDatabase) -> None:
    """Who comes second with an old view of the rules is told to try again."""
    first, second = ruled.connect(), ruled.connect()
    second.execute("begin isolation level repeatable read")
    second.execute("select 1 from messaging.limits")
    first.execute("select messaging.set_content_pattern('fruit', 'profanity', 'mango')")
    with pytest.raises(psycopg.errors.SerializationFailure):
        second.execute("select messaging.set_limit('send_message', 3, '5 minutes')")


PIECES = (
    *("a", "b", "ab", "(a)", r"\1", "a|b", "[ab]", "(?:b)", "."),
    *("(?i)", "(?x)", "***=", "(?#", " ", "+"),
)

patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(patterns, st.none() | patterns), max_size=5),
    st.lists(st.text("aAbB+. 1", max_size=6), min_size=1, max_size=20),
)
@example([("(a)", None), (r"(b)\1", None)], ["bb", "ba", "a"])
@example([("***=a.", None), ("b", None)], ["a.", "ab", "a"])
@example([("(?x)a b", None), ("a b", None)], ["ab", "a b"])
@example([("a" * 41, None), ("b", "a|b")], ["a" * 41, "a", "c"])
@example([("b" * 9, "a" * 41)], ["a" * 41, "b" * 9])
def test_prohibited_is_what_the_patterns_need(
    ruled: TestDatabase, written: list[tuple[str, str | None]], texts: list[str]
) -> None:
    """A text matches one of the expressions where it matches what one of the patterns needs."""
    ruled.execute("delete from messaging.content_patterns")
    for number, (pattern, needs) in enumerate(written):
        with suppress(psycopg.errors.InvalidRegularExpression):
            ruled.execute(
                "select messaging.set_content_pattern(%s, 'profanity', %s, %s)",
                f"p{number}",
                pattern,
                needs,
            )
    assert (
        ruled.execute(
            """
            select written.text
            from unnest(%s::text[]) as written (text), messaging.rules_at_once as rules
            where (written.text ~* any (rules.prohibited)) is distinct from exists (
                select
                from messaging.content_patterns as prohibited
                where written.text ~* coalesce(prohibited.needs, prohibited.pattern)
            )
            """,
            texts,
        )
        == []
    )


def test_others_stay_joined(ruled: TestDatabase) -> None:
    """What cannot be joined stands by itself, and does not keep the rest apart."""
    ruled.execute("delete from messaging.content_patterns")
    alone = ["(?i)c", "***=a.", "x" * 41, r"zqxj(.)\1", "d(?#e)", "f{10}", "(?:g{2}){3}"]
    for number, pattern in enumerate(["a", *alone, "b"]):
        ruled.execute(
            "select messaging.set_content_pattern(%s, 'profanity', %s)", f"p{number}", pattern
        )
    ((prohibited,),) = ruled.execute("select prohibited from messaging.rules_at_once")
    assert prohibited == ["(?:a)|(?:b)", *sorted(alone)]


def test_row_is_the_same_in_every_collation(ruled: TestDatabase) -> None:
    """Each list is put in order byte by byte, so a copy under another collation has no finding."""
    ((definition,),) = ruled.execute(
        "select pg_get_functiondef('messaging.prohibited_at_once'::regproc)"
    )
    assert definition.count('order by needed.pattern collate "C"') == 3
    assert definition.count("order by") == 3


def test_operators_at_once_do_not_deadlock(ruled: TestDatabase) -> None:
    """Who changes one rule waits for who changes several, before he holds what the other wants."""
    first, second = ruled.connect(), ruled.connect()
    with first.transaction():
        first.execute("select messaging.set_limit('start_conversation', 3, '5 minutes')")
        thread, results = in_background(
            lambda: second.execute("select messaging.set_limit('send_message', 4, '5 minutes')")
        )
        until_waiting(ruled, second)
        first.execute("select messaging.set_limit('send_message', 5, '5 minutes')")
    thread.join()
    assert len(results) == 1
    assert ruled.execute("select start_maximum, send_maximum from messaging.rules_at_once") == [
        (3, 4)
    ]


def test_too_many_patterns_for_one_expression(ruled: TestDatabase) -> None:
    """They are then asked one by one."""
    ruled.execute("delete from messaging.content_patterns")
    ruled.execute(
        "insert into messaging.content_patterns (name, category, pattern)"
        " select 'p' || number, 'profanity', number || '(?:fruits|berries|mushrooms)'"
        " from generate_series(1, 30) as number"
    )
    ((count,),) = ruled.execute("select cardinality(prohibited) from messaging.rules_at_once")
    assert count == 30


BREAKAGES = {
    "old row": "update messaging.rules_at_once set prohibited = '{}'",
    "no row": "delete from messaging.rules_at_once",
    "limits not watched": "drop trigger limits_keep_rules_at_once on messaging.limits",
    "patterns not watched": "drop trigger content_patterns_keep_rules_at_once"
    " on messaging.content_patterns",
    "truncate not watched": """
        drop trigger content_patterns_keep_rules_at_once on messaging.content_patterns;
        create trigger content_patterns_keep_rules_at_once
            after insert or update or delete on messaging.content_patterns
            for each statement execute function messaging.keep_rules_at_once()
    """,
    "nothing is prohibited": """
        create or replace function messaging.prohibited_at_once() returns text[]
        language sql as $$ select '{}'::text[] $$;
        update messaging.limits set maximum = maximum
    """,
    "read by users": "grant select on messaging.rules_at_once to authenticated",
    "called by users": "grant execute on function messaging.read_rules_at_once() to authenticated",
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(ruled: TestDatabase, plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(ruled, partial(plan.run, "verify", "rules_at_once"), breakage)


def test_revert_leaves_rules_alone(ruled: TestDatabase, plan: Plan) -> None:
    """Without the row, limits and patterns are changed as before."""
    plan.revert(plan.through("rules_at_once") - 1)
    ruled.execute("select messaging.set_limit('send_message', 3, '5 minutes')")
    ruled.execute("select messaging.set_content_pattern('fruit', 'profanity', 'mango')")
    assert ruled.execute("select to_regclass('messaging.rules_at_once')") == [(None,)]
