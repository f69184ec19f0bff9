"""Plans that hypothesis makes up, read by carecli and by stock sqitch's own parser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecli.plan import Plan, PlanError, UnknownReference, parse_plan

pytestmark = pytest.mark.peer("sqitch")
Oracle = Callable[..., dict[str, Any]]
PATH = Path("sqitch.plan")
checked = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TIME = "2026-01-31T12:00:00Z"
REFERENCES = [
    "a", "b", "d/e", "a@v1", "@v1", "@v2^", "@HEAD", "HEAD", "@HEAD^2", "@HEAD^^", "@ROOT~",
    "ROOT~2", "a@HEAD", "a@ROOT", "b~1", "b~0", "a^^^", "nothing", "@nothing", "a@nothing", "@", "",
]  # fmt: skip

blanks = st.sampled_from(["", "", " ", "  ", "\t", "\N{NO-BREAK SPACE}"])
gaps = st.sampled_from([" ", " ", "  ", "\t "])
names = st.sampled_from(["a", "b", "c", "d/e", "f.g", "größe", "x-1", "名前"])
odd_names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
tag_names = st.sampled_from(["v1", "v2", "v1.0", "é.1"])
planners = st.sampled_from(["Ann <a@b.c>", "Ann B.  <a@b.c>", "[Ann, Jr.] <é>"])
note_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\\nr# "))
notes = st.one_of(st.just(""), note_texts.map(lambda text: f"#{text}")).map(
    # A # with nothing behind it is a case of its own; see test_parser.
    lambda note: "" if note.strip() == "#" else note
)
dependencies = st.builds(
    lambda sign, project, target: f"{sign}{project}{target}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "other:", "shop:"]),
    st.one_of(
        names,
        tag_names.map(lambda tag: f"@{tag}"),
        st.builds("{}@{}".format, names, tag_names),
    ),
)
brackets = st.lists(dependencies, max_size=3, unique=True).map(
    lambda found: f"[{' '.join(found)}] " if found else ""
)
changes = st.builds(
    "{}{}{}{}{}{}{}{}".format,
    blanks,
    st.sampled_from(["", "", "+", "- "]),
    names,
    gaps,
    brackets,
    st.just(f"{TIME} "),
    planners,
    st.builds("{}{}".format, blanks, notes),
)
tags = st.builds("{}@{} {} {} {}".format, blanks, tag_names, st.just(TIME), planners, notes)
comments = st.sampled_from(["", "  ", "# a comment", "  #indented", "# \\\\ and \\n"])
headers = st.sampled_from(
    [
        "%syntax-version=1.0.0\n%project=shop\n\n",
        "%project=shop\n%uri=HTTPS://Example.com/%7eshop # home\n\n",
        "# shop\n% project = shop\n%syntax-version=1.0.0-b2\n \n",
    ]
)


@st.composite
def plans(draw: st.DrawFn) -> str:
    """Make up a plan that is mostly in order."""
    body = draw(st.lists(st.one_of(changes, changes, tags, comments), max_size=8))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = draw(headers) + "".join(f"{line}\n" for line in body)
    return text.replace("\n", newline)


def reading(plan: Plan) -> dict[str, Any]:
    """Return what a plan says, in the form of the oracle's answer."""
    return {
        "text": plan.text(),
        "project": plan.project,
        "uri": plan.uri,
        "changes": [
            {
                "name": change.name,
                "id": change.id,
                "note": change.note,
                "requires": [dependency.text for dependency in change.requires],
                "conflicts": [dependency.text for dependency in change.conflicts],
                "rework_tags": [tag.name for tag in change.rework_tags],
                "tags": [[tag.name, tag.id, tag.note] for tag in change.tags],
            }
            for change in plan
        ],
        "places": [place(plan, reference) for reference in REFERENCES],
    }


def place(plan: Plan, reference: str) -> int | None:
    """Return where a reference leads, None for nowhere."""
    try:
        return plan.index_of(reference)
    except UnknownReference:
        return None


def ours(text: str) -> dict[str, Any] | None:
    """Return what carecli makes of a plan, None where it refuses it."""
    try:
        return reading(parse_plan(text, PATH))
    except PlanError:
        return None


@given(text=plans())
@checked
def test_same_reading(oracle: Oracle, text: str) -> None:
    """Both refuse a plan, or both find the same changes, ids, references, and rewrite it alike."""
    theirs = oracle(text, REFERENCES)
    assert ours(text) == (None if "error" in theirs else theirs)


ORIGIN = f"{TIME} Ann <a@b.c>"


@pytest.mark.parametrize(
    "lines",
    [
        [f"a {ORIGIN} # 0"],
        [f"a {ORIGIN} # 00"],
        [f"a {ORIGIN}", f"b [!c a !other:x other:y] {ORIGIN}"],
        [f"a {ORIGIN}", f"b [!0] {ORIGIN}"],
        [f"a {ORIGIN}", f"b [a\t!c  shop:a ] {ORIGIN}"],
        [f"a {ORIGIN}", f"@v1 {ORIGIN}", f"a [a@v1] {ORIGIN}", f"b [a@v1] {ORIGIN}"],
        [f"a {ORIGIN}", f"@v1 {ORIGIN}", f"a [a@v1] {ORIGIN}", f"@v2 {ORIGIN}",
         f"b [a@v1] {ORIGIN}"],
        [f"a {ORIGIN}", f"@v1 {ORIGIN}", f"@v2 {ORIGIN}", f"b {ORIGIN}", f"@v3 {ORIGIN}",
         f"c {ORIGIN}", f"@v4 {ORIGIN}", f"a [@v1] {ORIGIN}", f"@v5 {ORIGIN}", f"a {ORIGIN}"],
        [f"b [a] {ORIGIN}", f"a {ORIGIN}"],
        [f"a [a] {ORIGIN}"],
        [f"a [other:{'0' * 40}] {ORIGIN}"],
        [f"a [shop:{'0' * 40}] {ORIGIN}"],
        ["#"],
        ["# "],
        [f"a {ORIGIN} #"],
        [f"\ufdd0 {ORIGIN}"],
        [f"a {ORIGIN} # \U0010ffff"],
        [f"a {ORIGIN}    #x"],
        [f"a {TIME}Ann  <a@b.c>  "],
    ],
)  # fmt: skip
def test_same_reading_of_awkward_plans(oracle: Oracle, lines: list[str]) -> None:
    """The rare cases that chance seldom makes are read alike as well."""
    text = "".join(f"{line}\n" for line in ["%project=shop", "", *lines])
    theirs = oracle(text, REFERENCES)
    assert ours(text) == (None if "error" in theirs else theirs)


@given(name=odd_names, tag=st.booleans())
@checked
def test_same_names(oracle: Oracle, name: str, tag: bool) -> None:
    """A name of any characters is taken by both or by neither."""
    entry = f"@{name}" if tag else name
    text = f"%project=shop\n\na {TIME} Ann <a@b.c>\n{entry} {TIME} Ann <a@b.c>\n"
    theirs = oracle(text, REFERENCES)
    assert ours(text) == (None if "error" in theirs else theirs)


@given(text=plans())
@checked
def test_rewriting_changes_nothing_twice(text: str) -> None:
    """What was written as sqitch writes it is read and written as it is, ids included."""
    try:
        plan = parse_plan(text, PATH)
    except PlanError:
        return
    again = parse_plan(plan.text(), PATH)
    assert again.text() == plan.text()
    assert [change.id for change in again] == [change.id for change in plan]


@pytest.mark.slow
def test_plan_that_sqitch_wrote(new_project: Callable[[str], Any]) -> None:
    """A plan from init, add, tag and rework is read, written back byte for byte, ids and all."""
    project = new_project("project")
    project.sqitch("add", "users", "-n", "First.\n\nSecond, with a \\ in it.")
    project.sqitch("add", "app/lists", "-r", "users", "-x", "old", "-r", "other:thing", "-n", "é")
    project.sqitch("tag", "v1", "-n", "One.")
    project.sqitch("tag", "v1.1", "-n", "Two.")
    project.sqitch("rework", "users", "-r", "app/lists", "-n", "Again.")
    project.sqitch("add", "last", "-r", "@v1", "-r", "users@v1", "-n", "Last.")
    text = project.plan_file.read_text(encoding="utf-8")
    plan = parse_plan(text, project.plan_file)
    assert plan.text() == text
    printed = project.sqitch("plan", "--no-headers", "--format", "format:%H %n %t")
    listed = [
        f"{change.id} {change.name} {''.join(f' {tag.format_name},' for tag in change.tags)}"
        for change in plan
    ]
    assert [line.strip() for line in printed.splitlines()] == [
        line.rstrip(",").strip() for line in listed
    ]
