"""docs/api.md says what the catalogue of the migrated database says."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from docs.catalogue import Failure, failures_of, read_functions
from docs.examples import FOLDER, argument_meanings, run_example
from docs.generate import PAGE, page
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, invoke


def test_page_is_that_of_the_catalogue(migrated: TestDatabase) -> None:
    """Making the page anew changes nothing."""
    made = page(migrated.connect())
    written = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    if made != written:
        lines = difflib.unified_diff(
            written.splitlines(),
            made.splitlines(),
            "docs/api.md",
            "the catalogue",
            lineterm="",
            n=1,
        )
        shown = "\n".join(list(lines)[:40])
        pytest.fail(f"docs/api.md is out of date: run `make docs`\n{shown}", pytrace=False)


def test_every_function_is_explained(migrated: TestDatabase) -> None:
    """Each has a comment, an example that works, and a meaning for each of its arguments."""
    connection = migrated.connect()
    functions = read_functions(connection)
    assert len(functions) >= 4
    for function in functions:
        assert function.comment
        meanings = argument_meanings(function.name)
        assert {one.name for one in function.arguments} - meanings.keys() == set(), function.name
        assert run_example(connection, function.name) is not None, (
            f"write docs/api/{function.name}.toml, like the others there"
        )


def test_no_example_is_of_a_function_that_is_gone(migrated: TestDatabase) -> None:
    """Each file of docs/api belongs to a function."""
    names = {function.name for function in read_functions(migrated.connect())}
    assert {file.stem for file in FOLDER.glob("*.toml")} - {"arguments"} - names == set()


def test_function_of_tomorrow_appears_by_itself(migrated: TestDatabase) -> None:
    """Signature, comment, roles and errors need no word outside of the database."""
    migrated.execute(
        "create function public.tomorrow(p_day date, p_count int = 3) returns jsonb"
        " language sql security definer set search_path = ''"
        " return messaging.failure('', 'not_found', 'no_day', 'There''s no day',"
        " jsonb_build_object('day', p_day));"
        "comment on function public.tomorrow(date, int) is 'What comes.';"
        "revoke all on function public.tomorrow(date, int) from public, anon, service_role"
    )
    made = page(migrated.connect())
    assert "\n## tomorrow\n\nWhat comes.\n" in made
    assert "\n    p_day date,\n    p_count integer default 3\n) returns jsonb\n" in made
    assert "\nMay be called by `authenticated`.\n" in made
    assert "| `not_found` | 404 | `no_day` | There's no day | `day` |\n" in made


def test_refusals_are_listed(migrated: TestDatabase, people: People) -> None:
    """What nobody and a stranger are really answered stands in the table of the function."""
    functions = read_functions(migrated.connect())
    provoked = 0
    for function in functions:
        listed = {(failure.code, failure.reason) for failure in function.failures}
        messages = {part for one in function.failures for part in one.message.split(" / ")}
        values: list[Any] = [STRANGE[argument.type] for argument in function.arguments]
        own = [people.mei if one.name in OWN else STRANGE[one.type] for one in function.arguments]
        for user, arguments in ((None, values), (people.mei, own)):
            with migrated.as_role("authenticated", user) as connection:
                answer = invoke(connection, function.name, *arguments)
            if isinstance(answer, dict) and not answer["success"]:
                provoked += 1
                assert (answer["error"], answer["details"]["reason"]) in listed, function.name
                assert answer["message"] in messages, function.name
    assert provoked >= len(functions)


STRANGE: dict[str, Any] = {"uuid": People.nobody, "text": "x", "integer": 0}
OWN = {"p_user_id", "p_helper_id", "p_sender_id"}


def test_failures_are_found_through_what_is_called() -> None:
    """Whatever a function calls in messaging counts, once; what is built then is not shown."""
    definitions = {
        "public.one": "return messaging.two(messaging.three(p_x), 'a,b')",
        "messaging.two": "-- It's messaging.failure('no')\n"
        "x messaging.failure(f(1, 2), 'not_found', 'gone', 'It''s ' \n 'gone') "
        "perform messaging.one(); perform messaging.two();",
        "messaging.three": "messaging.failure(i, 'server_error'::text, v_reason, 'So: ' || v, "
        "pg_catalog.jsonb_build_object('a', 1, 'b', f('c'))) "
        "messaging.failure(i, 'x', 'y', case when p in ('q') then 'A' else 'B' end,"
        " messaging.four(now())) messaging.failure(i, 'x', 'z', 'C', '{\"d\": true}') "
        "messaging.unexpected(i, 'Failed', sqlstate, sqlerrm)",
        "messaging.four": "select jsonb_build_object('retry_after', 3)",
    }
    assert set(failures_of(definitions, "public.one")) == {
        Failure("not_found", "gone", "It's gone"),
        Failure("server_error", "…", "…", ("a", "b")),
        Failure("x", "y", "A / B", ("retry_after",)),
        Failure("x", "z", "C", ("d",)),
        Failure("server_error", "unexpected", "Failed"),
    }
