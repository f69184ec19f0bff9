"""How a database stands to a plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carecli.errors import InvalidUsage, Refused
from carecli.migrator.state import State
from carecli.plan import Change, Plan, read_plan
from carecli.registry.store import DeployedChange

PLAN = """%syntax-version=1.0.0
%project=shop

one 2026-01-01T00:00:00Z Ann <ann@example.com> # First.
two [one] 2026-01-01T00:00:01Z Ann <ann@example.com>
@v1 2026-01-01T00:00:02Z Ann <ann@example.com>
three 2026-01-01T00:00:03Z Ann <ann@example.com>
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Give a plan of three changes, the second of which has a tag."""
    path = tmp_path / "sqitch.plan"
    path.write_text(PLAN)
    return read_plan(path)


def row(change: Change, *tags: str) -> DeployedChange:
    """Return the registry's row of a change."""
    now = datetime(2026, 2, 1, tzinfo=UTC)
    planned = (change.note, change.planned_at, change.planner_name, change.planner_email)
    return DeployedChange(
        change.id, change.name, "hash", *planned, now, "Dora", "dora@example.com", list(tags)
    )


@pytest.fixture
def deployed(plan: Plan) -> Callable[..., State]:
    """Give a function from names of deployed changes to the state."""
    return lambda *names: State(plan, [row(plan.get(name)) for name in names])


def names(changes: tuple[Change, ...]) -> list[str]:
    """Return the names."""
    return [change.name for change in changes]


def test_nothing_deployed(deployed: Callable[..., State]) -> None:
    """All is pending, all is to deploy, nothing is to revert."""
    state = deployed()
    assert state.position == -1
    assert names(state.pending) == names(state.to_deploy(None)) == ["one", "two", "three"]
    assert state.to_revert(None, None) == ()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [(None, ["two", "three"]), ("@v1", ["two"]), ("one", []), ("@HEAD^", ["two"])],
)
def test_to_deploy(
    deployed: Callable[..., State], reference: str | None, expected: list[str]
) -> None:
    """It goes on behind the change deployed last, up to the reference."""
    assert names(deployed("one").to_deploy(reference)) == expected


def test_earlier_change_is_refused(deployed: Callable[..., State]) -> None:
    """To go back is a rollback, which the hint names."""
    with pytest.raises(Refused, match="one comes before two @v1") as caught:
        deployed("one", "two").to_deploy("one")
    assert caught.value.hint == "Use `carecli rollback --to one`."


def test_gap_is_refused(deployed: Callable[..., State]) -> None:
    """A change that was put before a deployed one is named."""
    with pytest.raises(Refused, match="planned before two, but not deployed: one"):
        deployed("two").to_deploy(None)


def test_unknown_last_change(deployed: Callable[..., State], plan: Plan) -> None:
    """Where the plan does not have the change deployed last, nobody knows what comes next."""
    state = State(Plan("shop", None, plan.changes[:1], plan.path), deployed("one", "two").deployed)
    with pytest.raises(Refused, match=r"two .* is not in the plan"):
        state.to_deploy(None)
    assert [item.change for item in state.unknown] == ["two"]


def test_unknown_change_can_be_reverted(deployed: Callable[..., State], plan: Plan) -> None:
    """A change made from its row alone stands for what the plan does not have."""
    state = State(Plan("shop", None, plan.changes[:1], plan.path), deployed("one", "two").deployed)
    assert [change.id for change in state.to_revert(None, 1)] == [plan.get("two").id]


@pytest.mark.parametrize(
    ("reference", "count", "expected"),
    [
        (None, None, ["three", "two", "one"]),
        ("@v1", None, ["three"]),
        ("@HEAD^", None, ["three"]),
        ("three", None, []),
        (None, 2, ["three", "two"]),
        (None, 9, ["three", "two", "one"]),
    ],
)
def test_to_revert(
    deployed: Callable[..., State], reference: str | None, count: int | None, expected: list[str]
) -> None:
    """The last one comes first; what is referred to stays."""
    assert names(deployed("one", "two", "three").to_revert(reference, count)) == expected


def test_revert_to_what_is_not_deployed(deployed: Callable[..., State]) -> None:
    """A reference is looked up among what is deployed."""
    with pytest.raises(InvalidUsage, match="three"):
        deployed("one", "two").to_revert("three", None)


def test_untagged(deployed: Callable[..., State], plan: Plan) -> None:
    """Deployed changes whose tags are not in the registry yet."""
    assert names(tuple(deployed("one", "two").untagged)) == ["two"]
    assert State(plan, [row(plan.get("two"), "@v1")]).untagged == []
