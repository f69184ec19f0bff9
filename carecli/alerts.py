"""The alert rules as the database judges them, and what they come to for a monitoring plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from carecli.errors import CarecliError
from carecli.monitoring import shown_window
from carecli.resources import read_sql

__all__ = [
    "CRITICAL",
    "OK",
    "STATUS",
    "UNKNOWN",
    "WARNING",
    "Alert",
    "first_line",
    "lines",
    "perfdata",
    "read_alerts",
    "summary",
]

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
"""Exit codes of a monitoring plugin."""

STATUS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""The word for each exit code."""

_CODES = {"critical": CRITICAL, "warning": WARNING}
_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule, or one series of it, as it was judged.

    Arguments:
        name: of the rule.
        severity: `critical`, `warning` or `info`.
        state: `firing`, `ok`, `too few` (the sample is below the minimum) or `no data`.
        series: which one: an error code or a method; "" where the metric has one only.
        metric: what was measured.
        value: in the unit; None where there is no data.
        comparison: `<` or `>`: on which side of the threshold the rule fires.
        threshold: in the unit.
        sample: how many calls, conversations, ... the value is of.
        minimum_sample: with fewer nothing is concluded.
        time_window: length of time that was looked back on.
        rollback_trigger: whether the guard of the rollout turns V2 off when it fires.
        action: what to do when it fires.
        unit: `share` (0 to 1), `ratio`, `seconds`, `per minute` or `number`.
        data_expected: whether it is a fault of the watching when there is no data.
    """

    name: str
    severity: str
    state: str
    series: str
    metric: str
    value: float | None
    comparison: str
    threshold: float
    sample: int
    minimum_sample: int
    time_window: timedelta
    rollback_trigger: bool
    action: str
    unit: str = "number"
    data_expected: bool = False


def read_alerts(
    connection: psycopg.Connection, *, timeout: timedelta = _TIMEOUT
) -> tuple[Alert, ...]:
    """Let the database judge every rule that is enabled; those that fire come first.

    A rule has a row for each series that fires, else one with the worst of them.

    Arguments:
        connection: to a primary or a replica; in a transaction of the caller's, or in autocommit.
        timeout: for the statement; in a transaction of the caller's its own holds.

    Raises:
        CarecliError: the database has no rules, does not show them to this role, or took too long.
        psycopg.OperationalError: the connection was lost.
    """
    milliseconds = max(1, int(timeout.total_seconds() * 1000))
    is_inside = connection.info.transaction_status == TransactionStatus.INTRANS
    with _explained(), connection.transaction(), connection.cursor() as cursor:
        if not is_inside:
            settings = read_sql("queries/monitoring_session").encode()
            cursor.execute(settings, {"timeout": str(milliseconds)})
        cursor.execute(read_sql("queries/alerts").encode())
        return tuple(Alert(*row) for row in cursor.fetchall())


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the database says of missing or forbidden rules into what to do about it."""
    try:
        yield
    except (errors.UndefinedFunction, errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise CarecliError(
            "the database has no alert rules",
            detail=error.diag.message_primary,
            hint="They come with the change alert_rules: carecli migrate.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise CarecliError(
            "this role may not evaluate the alert rules",
            detail=error.diag.message_primary,
            hint="Make it a member of pg_monitor, or connect as service_role or as the role that "
            "migrates.",
        ) from error
    except errors.InvalidParameterValue as error:
        raise CarecliError(
            f"an alert rule cannot be evaluated: {error.diag.message_primary}",
            detail=error.diag.message_hint,
            hint="Run carecli verify: its check alert_rules names the rule.",
        ) from error
    except errors.QueryCanceled as error:
        raise CarecliError(
            "the alert rules were not evaluated in time",
            detail=error.diag.message_primary,
            hint="See what keeps the database busy, and whether messaging.roll_up() runs each "
            "minute.",
        ) from error


def summary(alerts: Sequence[Alert]) -> tuple[int, str]:
    """Return the exit code and the first line of a monitoring plugin.

    The form is that of https://www.monitoring-plugins.org/doc/guidelines.html. A critical rule
    goes before a warning, a warning before missing data. Rules of severity info change nothing.

    Arguments:
        alerts: of every rule.
    """
    code, text = first_line(alerts)
    figures = perfdata(alerts)
    return code, f"{STATUS[code]} - {text}" + (f" | {figures}" if figures else "")


def first_line(alerts: Sequence[Alert]) -> tuple[int, str]:
    """Return the exit code and why it is that, in words."""
    loud = [alert for alert in alerts if alert.state == "firing" and alert.severity in _CODES]
    quiet = [alert for alert in alerts if alert.state == "firing" and alert.severity not in _CODES]
    lost = [alert.name for alert in alerts if alert.state == "no data" and alert.data_expected]
    judged = [alert for alert in alerts if alert.state in ("firing", "ok")]
    parts = []
    if loud:
        code = max(_CODES[alert.severity] for alert in loud)
        count = len({alert.name for alert in loud})
        parts.append(f"{count} {'rule fires' if count == 1 else 'rules fire'}: {_named(loud)}")
    else:
        code = UNKNOWN if lost or not judged else OK
    if lost:
        parts.append(f"no data where there has to be: {', '.join(lost)}")
    if not alerts:
        parts.append("there is no alert rule that is enabled")
    elif not judged:
        parts.append("no rule could be judged")
    elif not loud and not lost:
        parts.append("no rule fires that wakes or notifies anybody" if quiet else "no rule fires")
    if quiet:
        parts.append(f"for the daily review: {_named(quiet)}")
    return code, _clean("; ".join([*parts, *_counts(alerts)]))


def perfdata(alerts: Iterable[Alert]) -> str:
    """Return the performance data: one figure a rule, of its worst series, under the rule's name.

    The value is `U`, unknown, where nothing is concluded: of no data, or of too few.
    """
    worst: dict[str, Alert] = {}
    for alert in alerts:
        worst.setdefault(alert.name, alert)
    return " ".join(map(_figure, worst.values()))


def lines(alerts: Iterable[Alert]) -> Iterator[str]:
    """Give what a person reads after the first line: what fires, what to do; then the rest."""
    rest = []
    for alert in alerts:
        if alert.state != "firing":
            rest.append(alert)
            continue
        yield _clean(
            f"{alert.severity.upper()} {_where(alert)}: {_compared(alert)}"
            f" over {shown_window(alert.time_window)}, sample {alert.sample}"
            f" (at least {alert.minimum_sample})"
            f"{'; rollback trigger' if alert.rollback_trigger else ''}"
        )
        yield _clean(f"    {alert.action}")
    width = max((len(alert.name) for alert in rest), default=0)
    for alert in rest:
        yield _clean(f"{alert.state:7}  {alert.name:{width}}  {_told(alert)}")


def _told(alert: Alert) -> str:
    """Return the figures of a rule that does not fire."""
    limit = f"fires {alert.comparison} {_shown(alert.threshold, alert.unit)}"
    over = f"over {shown_window(alert.time_window)}"
    if alert.value is None:
        return f"{limit} {over}"
    found = f"{alert.series}: " if alert.series else ""
    found += _shown(alert.value, alert.unit)
    if alert.state == "too few":
        return f"{found} of {alert.sample}, not {alert.minimum_sample}; {limit} {over}"
    return f"{found} of {alert.sample}; {limit} {over}"


def _named(alerts: Iterable[Alert]) -> str:
    return ", ".join(f"{_where(alert)} {_compared(alert)}" for alert in alerts)


def _where(alert: Alert) -> str:
    return f"{alert.name} ({alert.series})" if alert.series else alert.name


def _compared(alert: Alert) -> str:
    value = "no data" if alert.value is None else _shown(alert.value, alert.unit)
    return f"{value} {alert.comparison} {_shown(alert.threshold, alert.unit)}"


def _counts(alerts: Iterable[Alert]) -> Iterator[str]:
    states = {alert.name: alert.state for alert in alerts}
    told = (
        ("ok", "holds", "hold"),
        ("too few", "has too small a sample", "have too small a sample"),
        ("no data", "has no data", "have no data"),
    )
    for state, one, more in told:
        count = list(states.values()).count(state)
        if count:
            yield f"{count} {one if count == 1 else more}"


def _shown(value: float, unit: str) -> str:
    """Return a value for a person, with four figures."""
    if unit in ("share", "ratio"):
        return f"{_short(value * 100)} %"
    return f"{_short(value)}{ {'seconds': ' s', 'per minute': ' a minute'}.get(unit, '') }"


def _short(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.4g}"


def _figure(alert: Alert) -> str:
    """Return `'label'=value[unit];warn;crit;min;max`; the thresholds are ranges that are well."""
    value = "U"
    if alert.value is not None and alert.state != "too few":
        value = _plain(alert.value) + ("s" if alert.unit == "seconds" else "")
    limit = _plain(alert.threshold) + (":" if alert.comparison == "<" else "")
    warn = limit if alert.severity == "warning" else ""
    crit = limit if alert.severity == "critical" else ""
    most = ";1" if alert.unit == "share" else ""
    return f"'{alert.name}'={value};{warn};{crit};0{most}"


def _plain(value: float) -> str:
    """Return a number with digits and a point alone, as the guidelines want it."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _clean(text: str) -> str:
    """Return a text in one line, without commands for the terminal or the bar before figures."""
    return "".join(char if char.isprintable() and char != "|" else " " for char in text)
