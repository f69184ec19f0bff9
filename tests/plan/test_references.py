"""References to changes mean what they mean to sqitch."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecli.plan import Plan, UnknownReference, parse_plan

ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"
NAMES = ["users", "@v1", "lists", "items", "@v2", "users [users@v2]", "last"]


@pytest.fixture
def plan() -> Plan:
    """Give a plan of five changes: users, lists, items, users again, last."""
    body = "".join(f"{name} {ORIGIN}\n" for name in NAMES)
    return parse_plan(f"%project=shop\n\n{body}", Path("sqitch.plan"))


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("lists", 1),
        ("@v1", 0),
        ("@v2", 2),
        ("users@v1", 0),
        ("users@v2", 0),
        ("users@HEAD", 3),
        ("users@ROOT", 0),
        ("@HEAD", 4),
        ("HEAD", 4),
        ("@ROOT", 0),
        ("@HEAD^", 3),
        ("@HEAD^^", 2),
        ("@HEAD^3", 1),
        ("@ROOT~", 1),
        ("@ROOT~~", 2),
        ("@ROOT~4", 4),
        ("lists~0", 1),
        ("items^2", 0),
        ("users@v1~", 1),
    ],
)
def test_index_of(plan: Plan, reference: str, place: int) -> None:
    """Names, tags, HEAD and ROOT are found, and what is before and after them."""
    assert plan.index_of(reference) == place


def test_ids_are_references(plan: Plan) -> None:
    """Changes and tags are found by their ids."""
    assert plan.index_of(plan.changes[1].id) == 1
    assert plan.index_of(plan.tags[1].id) == 2
    assert plan.index_of(f"{plan.changes[1].id}^") == 0


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("list", 'no change "list" in the plan', "did you mean lists"),
        ("@v3", 'no tag "@v3" in the plan', "@v"),
        ("lists@v9", 'no tag "@v9" in the plan', "@v"),
        ("lists@v1", 'no change "lists@v1" in the plan', ""),
        ("users", "could be any of 2 changes", "users@HEAD, users@v1"),
        ("@HEAD~", "is after the last change", "5 changes"),
        ("@ROOT^2", "is before the first change", "5 changes"),
        ("@HEAD^^^", "no tag", ""),
        ("", 'no change ""', ""),
    ],
)
def test_unknown_references(plan: Plan, reference: str, message: str, hint: str) -> None:
    """What means nothing, or too much, is refused with what is near."""
    with pytest.raises(UnknownReference) as caught:
        plan.index_of(reference)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_empty_plan_says_so() -> None:
    """In a plan without changes there is nothing to refer to."""
    plan = parse_plan("%project=shop\n\n", Path("sqitch.plan"))
    with pytest.raises(UnknownReference) as caught:
        plan.index_of("@HEAD")
    assert caught.value.hint == "the plan has no changes yet"


def test_find_takes_the_first_of_a_name(plan: Plan) -> None:
    """A dependency on a reworked change means its first instance, as for sqitch."""
    assert plan.find("users") == 0
    assert plan.find("users~") == 1
    assert plan.find("nothing") is None
    assert plan.find("@v2") is not None
    assert plan.find("@v9") is None
