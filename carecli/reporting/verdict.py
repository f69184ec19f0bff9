"""What a report comes to: the first thing that is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from carecli.alerts import Alert, first_line
from carecli.reporting.figures import NO_DATA
from carecli.reporting.model import Report

__all__ = ["Verdict", "verdict"]

_ORDER = {"critical": 0, "warning": 1, "info": 2}
_KINDS = ("healthy", "warning", "critical", "unknown")
_STATES = (
    ("firing", "rule fires", "rules fire"),
    ("ok", "rule holds", "rules hold"),
    ("too few", "rule had too small a sample", "rules had too small a sample"),
    (NO_DATA, "rule had no data", "rules had no data"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the whole comes to.

    Arguments:
        kind: `critical`, `warning`, `healthy`, or `unknown` where nothing was there to be judged.
        headline: the same in a few words.
        because: why, in a sentence.
        firing: the alerts that fire, the worst first.
        remarks: what else the next person has to know.
    """

    kind: str
    headline: str
    because: str
    firing: tuple[Alert, ...]
    remarks: tuple[str, ...]


def verdict(report: Report) -> Verdict:
    """Judge a report: by its alerts alone; what else is out of order are remarks.

    Where no rule could be judged, nothing is called healthy.
    """
    remarks = tuple(_remarks(report))
    alerts = report.alerts.found
    if alerts is None:
        why = report.alerts.problem or ""
        return Verdict("unknown", "No verdict", f"The alerts cannot be read: {why}.", (), remarks)
    firing = tuple(
        sorted(
            (alert for alert in alerts if alert.state == "firing"),
            key=lambda alert: (_ORDER.get(alert.severity, 3), alert.name, alert.series),
        )
    )
    kind = _KINDS[first_line(alerts)[0]]
    loud = len({alert.name for alert in firing if alert.severity in ("critical", "warning")})
    if kind == "unknown":
        headline = "No verdict: there is no data"
    elif kind == "healthy" and _mostly_unjudged(alerts):
        kind, headline = "unknown", "No alert fires, but most rules had nothing to judge"
    elif kind == "healthy":
        review = "nothing but for the daily review" if firing else "no alert fires"
        headline = f"Healthy: {review}"
    else:
        headline = f"{kind.capitalize()}: {loud} {_plural(loud, 'alert fires', 'alerts fire')}"
    return Verdict(kind, headline, _because(alerts), firing, remarks)


def _mostly_unjudged(alerts: Sequence[Alert]) -> bool:
    """Tell whether more rules had too little data than hold: silence is not health."""
    unjudged = sum(alert.state in ("too few", NO_DATA) for alert in alerts)
    return unjudged > sum(alert.state == "ok" for alert in alerts)


def _because(alerts: Sequence[Alert]) -> str:
    """Return how many rules there are of each state, and which of them had to have data."""
    states = Counter({alert.name: alert.state for alert in alerts}.values())
    parts = [
        f"{count:,} {_plural(count, one, more)}"
        for state, one, more in _STATES
        if (count := states[state])
    ]
    lost = sorted(alert.name for alert in alerts if alert.state == NO_DATA and alert.data_expected)
    if lost:
        parts.append(f"data had to be there for {', '.join(lost)}")
    return f"{'; '.join(parts) or 'there is no rule'}."


def _remarks(report: Report) -> list[str]:
    """Return what is out of order without being an alert."""
    remarks = []
    breached = [card.name for card in report.cards if card.verdict == "breach"]
    if breached:
        remarks.append(f"Off target: {', '.join(breached)}.")
    broken = [card.name for card in report.cards if card.problem is not None]
    if broken:
        remarks.append(f"Could not be measured: {', '.join(broken)}.")
    flag = report.rollout
    if flag.found is None:
        remarks.append(f"The rollout flag cannot be read: {flag.problem}.")
    elif flag.found.get("problem"):
        remarks.append(f"The rollout flag is damaged, so V2 is off: {flag.found['problem']}.")
    return remarks + _migration_remarks(report)


def _migration_remarks(report: Report) -> list[str]:
    migration = report.migration.found
    if migration is None:
        return [f"The state of the migrations cannot be read: {report.migration.problem}."]
    remarks = []
    if migration.pending:
        count = len(migration.pending)
        remarks.append(f"{count} {_plural(count, 'change', 'changes')} of the plan not deployed.")
    if migration.edited:
        remarks.append(f"Edited since deployed: {', '.join(migration.edited)}.")
    if migration.unknown:
        remarks.append(f"Deployed, but not in the plan: {', '.join(migration.unknown)}.")
    return remarks


def _plural(count: int, one: str, more: str) -> str:
    return one if count == 1 else more
