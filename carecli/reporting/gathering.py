"""Asks the database for what stands in a report; what it may not be asked is said there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg

from carecli import __version__
from carecli.alerts import read_alerts
from carecli.database import redact
from carecli.errors import CarecliError
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.monitoring import Metric, load_metrics, read_courses, read_metrics
from carecli.monitoring.series import days_of
from carecli.reporting.measuring import card_of
from carecli.reporting.model import ERRORS, Card, Migration, Part, Report
from carecli.resources import read_sql
from carecli.rollout import read_gate, read_rollout

__all__ = ["gather"]

Found = TypeVar("Found")

_HISTORY = 25
_TIMEOUT = timedelta(seconds=15)


def gather(target: Target, window: timedelta, *, until: datetime | None = None) -> Report:
    """Read everything, in read-only transactions; a part that cannot be read spoils no other.

    Arguments:
        target: the project and its database, a primary or a standby.
        window: what the plots look back on.
        until: end of all windows; default: the server's time.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    connection = target.connection
    with _reading(connection):
        facts = connection.execute(read_sql("queries/report_facts").encode()).fetchone()
    assert facts is not None
    now, version, is_standby = facts
    end = until or now
    return Report(
        database=redact(target.choice.conninfo),
        server=f"PostgreSQL {version}{', a hot standby' if is_standby else ''}",
        made_at=end.astimezone(UTC),
        window=window,
        version=__version__,
        alerts=_part(connection, lambda: read_alerts(connection)),
        cards=tuple(_cards(connection, window, end)),
        rollout=_part(connection, lambda: read_rollout(connection, history=_HISTORY)),
        gate=_part(connection, lambda: _gate(connection)),
        migration=_part(connection, lambda: _migration(target)),
    )


def _cards(connection: psycopg.Connection, window: timedelta, end: datetime) -> Iterator[Card]:
    """Read each metric twice: as it stands at the end of the window, and all along it."""
    metrics = load_metrics()
    settings: dict[str, Any] = {"until": end, "timeout": _TIMEOUT}
    readings, courses = {}, {}
    for length, chosen in _together(metrics, lambda metric: _window_of(metric, window)):
        for reading in read_metrics(connection, chosen, length, **settings):
            readings[reading.metric.name] = reading
    plotted = [metric for metric in metrics if metric.window is not None and not metric.by_day]
    # A course shorter than what each of its values looks back on would show next to nothing.
    for length, chosen in _together(plotted, lambda each: max(window, each.window or window)):
        for series in read_courses(connection, chosen, length, **settings):
            courses[series.metric.name] = series
    for metric in metrics:
        reading = readings[metric.name]
        course = days_of(reading) if metric.by_day else courses.get(metric.name)
        yield card_of(reading, course, end)


def _window_of(metric: Metric, window: timedelta) -> timedelta | None:
    """Return what the values of a metric look back on; None: its own length of time."""
    if metric.by_day:
        return max(window, metric.window or window)
    return window if metric.name == ERRORS else None


def _together(
    metrics: Iterable[Metric], key: Callable[[Metric], timedelta | None]
) -> Iterable[tuple[timedelta | None, list[Metric]]]:
    """Return the metrics that are read in one go: those of one length of time."""
    groups: dict[timedelta | None, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(key(metric), []).append(metric)
    return groups.items()


def _gate(connection: psycopg.Connection) -> Mapping[str, Any]:
    found = read_gate(connection)
    if found is None:
        raise CarecliError(
            "the database has no rollout gates",
            hint="They come with the change rollout_gates: carecli migrate.",
        )
    return found


def _migration(target: Target) -> Migration:
    state = target.state()
    last = state.deployed[-1] if state.deployed else None
    return Migration(
        project=state.plan.project,
        deployed=len(state.deployed),
        last=last.change if last else "",
        deployed_at=last.committed_at if last else None,
        deployed_by=f"{last.committer_name} <{last.committer_email}>" if last else "",
        tag=next((row.tags[-1] for row in reversed(state.deployed) if row.tags), ""),
        pending=tuple((change.name, change.note.partition("\n")[0]) for change in state.pending),
        edited=tuple(_edited(target, state)),
        unknown=tuple(row.change for row in state.unknown),
    )


def _edited(target: Target, state: State) -> Iterator[str]:
    for row in state.deployed:
        known = state.plan.find(row.change_id) is not None
        if known and target.project.script_hash(state.change_of(row)) != row.script_hash:
            yield row.change


def _part(connection: psycopg.Connection, read: Callable[[], Found]) -> Part[Found]:
    """Return what was read, or why it cannot be.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    try:
        with _reading(connection):
            return Part(read())
    except CarecliError as error:
        return Part(None, error.message, error.hint)
    except psycopg.Error as error:
        if connection.broken or connection.closed:
            raise
        return Part(None, error.diag.message_primary or str(error))


@contextmanager
def _reading(connection: psycopg.Connection) -> Iterator[None]:
    """Hold a transaction that cannot write, and waits for nothing longer than is sensible."""
    milliseconds = str(int(_TIMEOUT.total_seconds() * 1000))
    with connection.transaction():
        settings = read_sql("queries/monitoring_session").encode()
        connection.execute(settings, {"timeout": milliseconds})
        yield
