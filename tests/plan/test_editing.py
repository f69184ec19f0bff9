"""Adding to a plan, as stock sqitch does it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from carecli.errors import InvalidUsage
from carecli.plan import Plan, parse_plan
from carecli.plan.editing import Entry, add_change, rework_change, tag_change

ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"
NOON = datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))
HEADER = "%syntax-version=1.0.0\n%project=shop\n\n"


def plan(*lines: str) -> Plan:
    """Return a plan of these changes and tags."""
    return parse_plan(HEADER + "".join(f"{line} {ORIGIN}\n" for line in lines), Path("sqitch.plan"))


def entry(name: str, note: str = "Why.", **more: list[str]) -> Entry:
    """Return what is to be added."""
    return Entry(name, note, "Ann", "ann@example.com", planned_at=NOON, **more)


def body(edited: Plan) -> list[str]:
    """Return the lines below the header, the origin shortened to `~`."""
    return edited.text().removeprefix(HEADER).replace(ORIGIN, "~").splitlines()


def test_added_change_comes_last() -> None:
    """A change goes to the end, with its time in UTC."""
    edited = add_change(plan("users"), entry("lists", requires=["users"], conflicts=["old"]))
    assert body(edited) == ["users ~", "lists [users !old] ~ # Why."]


def test_added_change_after_a_tag_has_an_empty_line_before_it() -> None:
    """sqitch sets what comes after a tag apart."""
    assert body(add_change(plan("users", "@v1"), entry("lists"))) == [
        "users ~",
        "@v1 ~",
        "",
        "lists ~ # Why.",
    ]


def test_repeated_requirement_is_named_once() -> None:
    """The same dependency twice is one."""
    edited = add_change(plan("users"), entry("lists", requires=["users", "users"]))
    assert body(edited)[1] == "lists [users] ~ # Why."


def test_note_of_several_lines() -> None:
    """Line breaks are escaped, and white space around the note goes."""
    assert body(add_change(plan(), entry("users", " one\n\ntwo \\ ")))[0] == (
        r"users ~ # one\n\ntwo \\"
    )


def test_tag_goes_to_the_last_change() -> None:
    """Without a change a tag is on the last one."""
    assert body(tag_change(plan("users", "lists"), entry("v1"))) == [
        "users ~",
        "lists ~",
        "@v1 ~ # Why.",
    ]


def test_tag_goes_after_the_tags_of_its_change() -> None:
    """A tag on an earlier change stands behind those that it has."""
    edited = tag_change(plan("users", "@v1", "lists"), entry("@v2"), "users")
    assert body(edited) == ["users ~", "@v1 ~", "@v2 ~ # Why.", "lists ~"]


def test_rework_requires_the_change_as_of_the_last_tag() -> None:
    """A reworked change requires its former self at the last tag, and what is named."""
    edited = rework_change(
        plan("users", "@v1", "lists", "@v2", "@v3"),
        entry("users", requires=["lists", "users@v2"], conflicts=["old"]),
    )
    assert body(edited)[-1] == "users [users@v2 lists !old] ~ # Why."
    assert edited.changes[0].is_reworked


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("users", "already exists"),
        ("HEAD", "reserved"),
        ("0123456789abcdef0123456789abcdef01234567", "SHA-1"),
        ("-x", "not a valid name"),
        ("a b", "not a valid name"),
        ("a@b", "not a valid name"),
        ("", "not a valid name"),
        ("a\nb", "control character"),
    ],
)
def test_add_refuses_names(name: str, message: str) -> None:
    """A name that is taken, or that a plan could not hold, is refused."""
    with pytest.raises(InvalidUsage, match=message):
        add_change(plan("users"), entry(name))


@pytest.mark.parametrize("requirement", ["user", "users@v9", "@v9", "shop:nobody"])
def test_add_refuses_unknown_requirements(requirement: str) -> None:
    """What is required has to be in the plan."""
    with pytest.raises(InvalidUsage, match="requires unknown change") as caught:
        add_change(plan("users"), entry("lists", requires=[requirement]))
    assert caught.value.hint


@pytest.mark.parametrize("requirement", ["other:thing", "0" * 40])
def test_add_takes_requirements_from_elsewhere(requirement: str) -> None:
    """What is in another project cannot be looked up here."""
    assert body(add_change(plan(), entry("a", requires=[requirement]))) == [
        f"a [{requirement}] ~ # Why."
    ]


@pytest.mark.parametrize("text", ["!users", "a b", "a@", "", "x:"])
def test_add_refuses_what_is_no_dependency(text: str) -> None:
    """A dependency that sqitch could not read is refused."""
    with pytest.raises(InvalidUsage, match="not a valid dependency"):
        add_change(plan("users"), entry("lists", conflicts=[text]))


@pytest.mark.parametrize(
    ("lines", "name", "reference", "message"),
    [
        ([], "v1", None, "plan without changes"),
        (["users", "@v1"], "@v1", None, "already exists"),
        (["users"], "a/b", None, 'must not contain "/"'),
        (["users"], "ROOT", None, "reserved"),
        (["users"], "v1", "nobody", 'no change "nobody"'),
    ],
)
def test_tag_refuses(lines: list[str], name: str, reference: str | None, message: str) -> None:
    """A tag needs a change, and a name that is free."""
    with pytest.raises(InvalidUsage, match=message):
        tag_change(plan(*lines), entry(name), reference)


def test_rework_needs_the_change() -> None:
    """What is not in the plan cannot be reworked."""
    with pytest.raises(InvalidUsage, match="does not exist") as caught:
        rework_change(plan("users", "@v1"), entry("lists"))
    assert "carecli add lists" in str(caught.value.hint)


def test_rework_needs_a_tag_in_between() -> None:
    """A change can be reworked only after it was tagged."""
    with pytest.raises(InvalidUsage, match="no tag since") as caught:
        rework_change(plan("users", "@v1", "lists"), entry("lists"))
    assert "carecli tag" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "email"), [("Ann #1", "a@b.c"), ("Ann\nB", "a@b.c"), ("Ann", "#a@b.c")]
)
def test_planner_that_would_break_the_line(name: str, email: str) -> None:
    """A planner with a # or a line break is refused by each of the three."""
    added = Entry("users", "Why.", name, email)
    for edit in (add_change, rework_change, tag_change):
        with pytest.raises(InvalidUsage, match="does not fit into a plan"):
            edit(plan("users", "@v1"), added)
