"""What a statement does to which object, read from its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.script.effects import effects
from carecli.script.lexical import located_tokens, tokens

PIECES = [
    "create", "table", "drop", "function", "grant", "on", "to", "a.b", '"A b"', "'it''s'", "E'\\''",
    "$$ x $$", "$q$ y", "(", ")", ",", ";", "--c\n", "/* /* */ */", "/*", "'", "<>", "%type", "1.5",
    "alter", "comment", "is", "[]", "\u00e9", "policy", "index", "default privileges", "revoke",
]  # fmt: skip


def said(sql: str) -> list[tuple[str, str, str, tuple[str, ...] | None, str | None]]:
    """Return verb, kind, name, argument types and table of each effect."""
    return [
        (item.verb, item.kind, item.name, item.arguments, item.table)
        for item in effects(list(located_tokens(sql)))
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create table App.users (id int)", ("create", "table", "app.users", None, None)),
        ('create table "App"."users" ()', ("create", "table", '"App".users', None, None)),
        ("create or replace view v as select 1", ("replace", "view", "v", None, None)),
        ("create unique index concurrently if not exists i on only a.t (x)",
         ("create", "index", "a.i", None, "a.t")),
        ("create constraint trigger t after insert on a.t execute function f()",
         ("create", "trigger", "t", None, "a.t")),
        ("create policy p on a.t using (true)", ("create", "policy", "p", None, "a.t")),
        ("create schema if not exists s", ("create", "schema", "s", None, None)),
        ("create materialized view m as select 1", ("create", "materialized view", "m", None,
                                                    None)),
        ("drop function if exists f(uuid, text) cascade",
         ("drop", "routine", "f", ("uuid", "text"), None)),
        ("drop policy p on a.t", ("drop", "policy", "p", None, "a.t")),
        ("alter table only a.t add column x int", ("alter", "table", "a.t", None, None)),
        ("alter default privileges in schema a grant select on tables to x",
         ("alter", "default privileges", "", None, None)),
        ("grant select (a, b) on a.t to x", ("grant", "table", "a.t", None, None)),
        ("revoke all on all tables in schema a from x", ("revoke", "all", "a", None, None)),
        ("revoke execute on function f(int) from x", ("revoke", "routine", "f", ("integer",),
                                                      None)),
        ("comment on column a.t.x is 'x'", ("comment", "column", "a.t.x", None, None)),
    ],
)  # fmt: skip
def test_effect(
    sql: str, expected: tuple[str, str, str, tuple[str, ...] | None, str | None]
) -> None:
    """Verb, kind, name with its schema, arguments and table are read."""
    assert said(sql) == [expected]


@pytest.mark.parametrize("sql", ["select 1", "create index on t (a)", "grant a to b", "", "create"])
def test_nothing_to_tell(sql: str) -> None:
    """What changes no named object has no effect, and half a statement is no crash."""
    assert said(sql) == []


def test_several_objects() -> None:
    """One statement may drop and grant several."""
    assert [item[2] for item in said("drop table a.x, b.y cascade")] == ["a.x", "b.y"]
    assert [item[2:4] for item in said("grant all on function f(int), g() to x")] == [
        ("f", ("integer",)),
        ("g", ()),
    ]


@pytest.mark.parametrize(
    ("created", "dropped"),
    [
        ("p_a int, in p_b pg_catalog.timestamptz", "integer, timestamp with time zone"),
        ("p_a varchar(10) default f(1, 2), out p_b int", "character varying"),
        ("inout a double precision = 1, variadic b text[]", "float8, text[]"),
        ("a a.kind, b numeric(10, 2)", "kind, decimal"),
        ("interval, a interval day to second", "a interval, interval day to second"),
        ('"A b" bool', "boolean"),
    ],
)
def test_signatures_that_are_the_same(created: str, dropped: str) -> None:
    """Names, modes, defaults, modifiers and spellings do not tell functions apart."""
    [one] = said(f"create function f({created}) returns int language sql as $$ $$")
    [other] = said(f"drop function f({dropped})")
    assert one[3] == other[3] is not None


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text(sql: str) -> None:
    """Tokens are those that the other reader of statements sees, at their places; none crashes."""
    found = list(located_tokens(sql))
    assert [token.text for token in found] == list(tokens(sql))
    for token in found:
        written = sql[token.offset :]
        if token.kind == "word":
            assert written.lower().startswith(token.text) or not token.text.isascii()
        else:
            assert written.startswith(token.text)
    effects(found)
