"""What stands in a report, before it is a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from carecli.alerts import Alert
    from carecli.reporting.plots import Plot

__all__ = ["ERRORS", "TABLES", "Card", "Migration", "Part", "Report", "Row"]

ERRORS, TABLES = "error_distribution", "table_health"
"""The metrics that have a section of their own."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Part(Generic[Found]):
    """Something that was asked of the database.

    Arguments:
        found: the answer, or None where there is none to be had.
        problem: why not, in a sentence.
        hint: what would help.
    """

    found: Found | None
    problem: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a metric.

    Arguments:
        series: its labels in words; empty where there is one series only.
        measure: what is measured; empty where there is one measure only.
        value: None where there is no data.
        unit: as for `figures.shown`.
        verdict: `ok` or `breach` by the metric's target; empty where the target says nothing of it.
    """

    series: str
    measure: str
    value: int | float | None
    unit: str
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One metric.

    Arguments:
        name: of the metric.
        help: what it tells, in a sentence.
        target: what is healthy, in words; empty where nothing is said.
        scope: what its rows look back on: `1 hour`, `now`.
        verdict: `ok`, `breach`, `no data`, `unavailable`, or empty where there is no target.
        rows: the values as of the time of the report.
        plot: over the window of the report; None where the metric has none.
        left_out: how many series the plot does not show.
        problem: why the metric could not be read.
    """

    name: str
    help: str
    target: str
    scope: str
    verdict: str
    rows: tuple[Row, ...]
    plot: Plot | None = None
    left_out: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """How the database stands to the plan.

    Arguments:
        project: the plan's name.
        deployed: how many changes there are.
        last: the newest of them; empty where there is none.
        deployed_at: when that one was deployed.
        deployed_by: who did.
        tag: the newest tag, with its `@`; empty where there is none.
        pending: names and notes of the plan's changes that are not there.
        edited: changes whose deploy script is another one now.
        unknown: changes that the plan does not have.
    """

    project: str
    deployed: int
    last: str
    deployed_at: datetime | None
    deployed_by: str
    tag: str
    pending: tuple[tuple[str, str], ...]
    edited: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Arguments:
        database: where it comes from, without secrets.
        server: version, and whether it is a standby.
        made_at: the server's time; all windows end then.
        window: what the plots look back on.
        version: of carecli.
        alerts: every rule.
        cards: every metric, by name.
        rollout: the flag and its history, as `messaging.rollout_status()` gives them.
        gate: of the next phase, as `messaging.rollout_gate()` gives it.
        migration: how the database stands to the plan.
    """

    database: str
    server: str
    made_at: datetime
    window: timedelta
    version: str
    alerts: Part[tuple[Alert, ...]]
    cards: tuple[Card, ...]
    rollout: Part[Mapping[str, Any]]
    gate: Part[Mapping[str, Any]]
    migration: Part[Migration]
