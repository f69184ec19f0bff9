"""Each rule of style: a sound script, broken in one place, and mended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.linting import ScriptFile, check_style, rule_names
from carecli.script import Purpose
from carecli.verification.findings import Finding

HEADER = """\
-- Deploy shop:things to pg
--
-- What: things.
-- Why: because.
-- Requires: nothing.
-- Transaction: yes.

begin;

"""
FIRST = HEADER.count("\n") + 1  # the line on which a body begins

TABLE = """\
create table public.things (
    id uuid not null,
    kind text not null,
    made_at timestamptz not null,
    constraint things_pkey
        primary key (id),
    constraint things_kind_known
        check (kind in ('a', 'b'))
);

comment on table public.things is 'Things.';
comment on column public.things.id is 'Key.';
comment on column public.things.kind is 'Which.';
comment on column public.things.made_at is 'When.';

revoke all
    on table public.things
    from public, anon, authenticated;
grant select
    on table public.things
    to authenticated;

create index things_kind_idx on public.things (kind);

create policy things_select on public.things
    for select
    to authenticated
    using (id = (select auth.uid()));

comment on policy things_select on public.things is 'Own ones.';
"""

FUNCTION = """\
create function public.touch(
    p_id uuid,
    p_name text default 'x'
)
returns setof public.things
language plpgsql
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant uuid := auth.uid();
    v_sql text := 'select 1';
begin
    if p_id is distinct from auth.uid() then
        raise exception using
            errcode = 'insufficient_privilege',
            message = 'not you';
    end if;
    if p_id is distinct from v_caller_id then
        return;
    end if;
    v_sql := 'select ' || pg_catalog.quote_literal(p_name);
    execute v_sql;
    execute pg_catalog.format('select %L || ''x''', p_name);
    execute 'select 1 ' || 'from public.things';
    return query
    select thing.id, thing.kind, thing.made_at
    from public.things as thing
    where thing.made_at > '2026-01-01'::timestamp at time zone 'UTC'
        and exists (select * from public.things);
end;
$function$;

comment on function public.touch(uuid, text) is 'Touches.';

revoke all
    on function public.touch(uuid, text)
    from public, anon, authenticated;
grant execute
    on function public.touch(uuid, text)
    to authenticated;
"""

VIEW = """\
create view public.all_things with (security_invoker = true) as
select thing.id
from public.things as thing;

comment on view public.all_things is 'All of them.';

revoke all
    on table public.all_things
    from public, anon, authenticated;
"""

VERIFY = """\
select 1 / pg_catalog.count(*)
from public.things;
"""


@dataclass(frozen=True, slots=True)
class Break:
    """One way to break a rule.

    Arguments:
        rule: its name.
        body: what is sound.
        sound: a text that is in there once.
        broken: what to put in its place.
        line: of the finding, from the first line of the body on, which is 1.
        purpose: of the script.
    """

    rule: str
    body: str
    sound: str
    broken: str
    line: int
    purpose: Purpose = "deploy"


def line_of(body: str, text: str) -> int:
    """Return on which line of a body a text begins, from 1."""
    return body[: body.index(text)].count("\n") + 1


def at(rule: str, body: str, sound: str, broken: str, purpose: Purpose = "deploy") -> Break:
    """Return a break whose finding is on the line on which the broken text begins."""
    return Break(rule, body, sound, broken, line_of(body, sound), purpose)


BREAKS = [
    at("blanks", TABLE, "    id uuid", "\tid uuid"),
    at("blanks", TABLE, "    kind text not null,", "    kind text not null,  "),
    at("blanks", TABLE, "    kind text not null,", "    kind text not null,\r"),
    at("caller-comparison", FUNCTION, "is distinct from auth.uid()", "<> auth.uid()"),
    at("caller-comparison", FUNCTION, "is distinct from auth.uid()", "<> (select auth.uid())"),
    at("caller-comparison", FUNCTION, "p_id is distinct from auth.uid()", "auth.uid() != p_id"),
    at("caller-comparison", FUNCTION, "is distinct from v_caller_id", "<> v_caller_id"),
    Break("comments", TABLE, "comment on table public.things is 'Things.';", "", 1),
    Break("comments", TABLE, "comment on column public.things.kind is 'Which.';", "", 1),
    Break("comments", FUNCTION, "comment on function public.touch(uuid, text) is 'Touches.';", "",
          1),
    Break("comments", TABLE, "comment on policy things_select on public.things is 'Own ones.';",
          "", line_of(TABLE, "create policy")),
    at("constraint-names", TABLE, "constraint things_pkey\n        primary", "primary"),
    at("constraint-names", TABLE, "kind text not null,", "kind text not null check (kind > ''),"),
    at("constraint-names", TABLE, "constraint things_kind_known", "constraint kind_known"),
    at("constraint-names", TABLE, "create index",
       "alter table public.things add unique (kind);\ncreate index"),
    at("dynamic-sql", FUNCTION, "execute v_sql", "execute 'select ' || p_name"),
    Break("dynamic-sql", FUNCTION, "pg_catalog.quote_literal(p_name)", "p_name",
          line_of(FUNCTION, "execute v_sql")),
    at("enum-types", TABLE, "create index",
       "create type public.kind as enum ('a');\ncomment on type public.kind is 'x';\ncreate index"),
    at("error-codes", FUNCTION, "raise exception using\n            errcode = "
       "'insufficient_privilege',", "raise exception using"),
    Break("header", TABLE, "-- Why: because.\n", "", 1 - FIRST + 1),
    Break("header", TABLE, "Transaction: yes", "Transaction: no", 6 - FIRST + 1),
    at("if-not-exists", TABLE, "create table public", "create table if not exists public"),
    at("if-not-exists", FUNCTION, "    return query",
       "    create temp table if not exists old (id int);\n    return query"),
    at("index-names", TABLE, "create index things_kind_idx on", "create index by_kind on"),
    at("index-names", TABLE, "create index things_kind_idx on", "create index on"),
    at("lower-case", TABLE, "primary key (id)", "PRIMARY KEY (id)"),
    at("lower-case", FUNCTION, "returns setof", "RETURNS setof"),
    at("lower-case", FUNCTION, "    return query", "    RETURN query"),
    at("policy-calls", TABLE, "(select auth.uid())", "auth.uid()"),
    at(
        "qualified-names",
        TABLE,
        "create index",
        "alter table things drop column kind;\ncreate index",
    ),
    at("qualified-names", TABLE, "create index things_kind_idx on public.things",
       "create index things_kind_idx on things"),
    at("revoke-first", TABLE, "revoke all\n    on table public.things\n    from public, anon, "
       "authenticated;\n", ""),
    Break("revoke-first", VIEW, "from public, anon, authenticated", "from anon", 1),
    at("search-path", FUNCTION, "set search_path = ''", "set search_path = public"),
    Break("search-path", FUNCTION, "set search_path = ''\n", "", 1),
    at("select-star", FUNCTION, "select thing.id, thing.kind, thing.made_at", "select *"),
    at("select-star", VIEW, "select thing.id", "select *"),
    at("select-star", TABLE, "create index",
       "insert into public.things (id) select * from public.all_things;\ncreate index"),
    at("time-zone", TABLE, "made_at timestamptz", "made_at timestamp"),
    at("time-zone", TABLE, "made_at timestamptz", "made_at timestamp(3) without time zone"),
    at("variable-names", FUNCTION, "p_name text default", "name text default"),
    at("variable-names", FUNCTION, "v_sql text :=", "other text;\n    v_sql text :="),
    Break("verify-proves", VERIFY, VERIFY, "select 1;\n", 1 - FIRST + 1, "verify"),
]  # fmt: skip


def findings(folder: Path, text: str, purpose: Purpose) -> tuple[Finding, ...]:
    """Return what is found in a script of this text."""
    path = folder / "things.sql"
    path.write_bytes(text.encode())
    part = check_style([ScriptFile(path, purpose)])
    assert all(finding.path == path for finding in part.findings)
    return part.findings


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.rule}-{number}") for number, case in enumerate(BREAKS)]
)
def test_break_is_found(tmp_path: Path, case: Break) -> None:
    """The sound script has no finding; the broken one has one of that rule, on its line."""
    sound = f"{HEADER}{case.body}\ncommit;\n"
    assert findings(tmp_path, sound, case.purpose) == ()
    assert sound.count(case.sound) == 1
    found = findings(tmp_path, sound.replace(case.sound, case.broken), case.purpose)
    assert [(item.check, item.line) for item in found] == [(case.rule, case.line + FIRST - 1)]
    assert found[0].remediation
    assert found[0].level in ("error", "warning")


def test_every_rule_has_a_break() -> None:
    """No rule is without a script that breaks it."""
    assert {case.rule for case in BREAKS} == set(rule_names())


@pytest.mark.parametrize(
    "text",
    [
        "select made_at::timestamp, cast(x as timestamp), timestamp '2026-01-01' from public.t;",
        "select 'PUBLIC <> auth.uid()', E'\\n', \"Upper\" from public.t; -- SELECT *",
        "copy public.t from stdin;\na\tb \n\\.\n",
        "select 'two\n\tlines  \n';",
        "do $do$ begin if not exists (select from public.t) then perform 1; end if; end $do$;",
        "create temporary table old (id integer primary key);\ndrop table old;",
        "grant execute on function public.f() to x; -- carecli-lint: ignore revoke-first, no more",
    ],
)
def test_what_only_looks_like_a_break(tmp_path: Path, text: str) -> None:
    """Casts, strings, comments, quoted names, data, temporary tables break nothing."""
    assert findings(tmp_path, f"{HEADER}{text}\ncommit;\n", "deploy") == ()


def test_last_line_without_line_feed(tmp_path: Path) -> None:
    """A script ends with a line feed."""
    [found] = findings(tmp_path, f"{HEADER}select 1;\ncommit;", "deploy")
    assert (found.check, found.line) == ("blanks", FIRST + 1)


def test_rules_may_rest(tmp_path: Path) -> None:
    """A comment lets one rule rest: behind a line, before it, or in the head for the whole file."""
    body = "select A from public.t;\n\nselect B from public.t;\n"
    comment = "-- carecli-lint: ignore lower-case, the names are theirs"

    def lines(text: str) -> list[tuple[str, int | None]]:
        return [(item.check, item.line) for item in findings(tmp_path, text, "deploy")]

    script = f"{HEADER}{body}\ncommit;\n"
    both = [("lower-case", FIRST), ("lower-case", FIRST + 2)]
    assert lines(script) == both
    assert lines(script.replace("A from public.t;", f"A from public.t; {comment}")) == both[1:]
    # The second is a line further down.
    assert lines(script.replace("\n\nselect B", f"\n\n{comment}\nselect B")) == both[:1]
    assert lines(script.replace("-- What", f"{comment}\n-- What")) == []


@pytest.mark.parametrize(
    ("comment", "level", "words"),
    [
        ("ignore lower-case, nothing to ignore", "warning", "nothing here breaks"),
        ("ignore lower-case", "error", "no reason"),
        ("ignore upper-case, a reason", "error", 'no rule "upper-case"; there are blanks'),
        ("please", "error", "is not understood"),
    ],
)
def test_comment_that_lets_nothing_rest(
    tmp_path: Path, comment: str, level: str, words: str
) -> None:
    """A comment without a reason, of no rule, or that is not needed any more, is a finding."""
    text = f"{HEADER}select 1;\n-- carecli-lint: {comment}\ncommit;\n"
    [found] = findings(tmp_path, text, "deploy")
    assert (found.check, found.level, found.line) == ("ignore", level, FIRST + 1)
    assert words in found.detail


def test_unreadable_script(tmp_path: Path) -> None:
    """A script that carecli would not run is a finding at its place, and no end of the run."""
    [found] = findings(tmp_path, f"{HEADER}select 'open;\n", "deploy")
    assert (found.check, found.level, found.line) == ("script", "error", FIRST)


WORDS = [
    *("create", "or", "replace", "function", "table", "policy", "index", "type", "view", "grant"),
    *(
        "on",
        "to",
        "from",
        "a.b",
        "a",
        "(",
        ")",
        ",",
        ";",
        "as",
        "enum",
        "language",
        "sql",
        "select",
    ),
    *("*", "into", "insert", "auth", ".", "uid", "<>", "timestamp", "execute", "||", "raise"),
    *("exception", "declare", "begin", "end", "constraint", "check", "set", "search_path", "="),
    *("security", "definer", "if", "not", "exists", "revoke", "all", "'s'", "$$ execute a; $$"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.sampled_from(["", "do $x$ {} $x$;"]))
def test_no_rule_trips(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], form: str
) -> None:
    """Half a statement, which only the server would refuse, ends no rule with an error."""
    sql = " ".join(words)
    path = tmp_path_factory.getbasetemp() / "half.sql"
    path.write_text(form.format(sql) or sql)
    for purpose in ("deploy", "revert", "verify"):
        assert check_style([ScriptFile(path, purpose)]).checked == 1
