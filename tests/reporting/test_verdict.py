"""The verdict: what fires, and that silence is not health."""

from __future__ import annotations

import pytest

from carecli.alerts import Alert
from carecli.reporting.model import Part
from carecli.reporting.verdict import verdict
from tests.plugins.reports import REPORTS, alert, card, report


def alerts(*states: str, severity: str = "critical") -> Part[tuple[Alert, ...]]:
    """Return alerts in these states."""
    return Part(
        tuple(
            alert(f"rule_{at}", state=state, severity=severity) for at, state in enumerate(states)
        )
    )


@pytest.mark.parametrize(
    ("states", "severity", "kind", "headline"),
    [
        (("ok", "ok"), "critical", "healthy", "Healthy: no alert fires"),
        (("firing", "ok"), "critical", "critical", "Critical: 1 alert fires"),
        (("firing", "firing"), "warning", "warning", "Warning: 2 alerts fire"),
        (("firing", "ok"), "info", "healthy", "Healthy: nothing but for the daily review"),
        (("no data", "too few"), "critical", "unknown", "No verdict: there is no data"),
        ((), "critical", "unknown", "No verdict: there is no data"),
        (
            ("ok", "no data", "too few"),
            "critical",
            "unknown",
            "No alert fires, but most rules had nothing to judge",
        ),
        (("ok", "no data"), "critical", "healthy", "Healthy: no alert fires"),
    ],
)
def test_headline(states: tuple[str, ...], severity: str, kind: str, headline: str) -> None:
    """The worst that fires decides; without data nothing is called healthy."""
    found = verdict(report(alerts=alerts(*states, severity=severity)))
    assert (found.kind, found.headline) == (kind, headline)


def test_series_of_a_rule_are_one_alert() -> None:
    """A rule that fires for two codes is counted once, and shown twice."""
    firing = tuple(alert("codes", state="firing", series=code) for code in ("b", "a"))
    found = verdict(report(alerts=Part(firing)))
    assert found.headline == "Critical: 1 alert fires"
    assert [one.series for one in found.firing] == ["a", "b"]


def test_data_that_had_to_be_there_are_missed() -> None:
    """Where a rule must have data and has none, there is no verdict, and it is named."""
    missed = alert("pool", state="no data", value=None, data_expected=True)
    found = verdict(report(alerts=Part((alert(), missed))))
    assert found.kind == "unknown"
    assert found.because.endswith("data had to be there for pool.")


def test_alerts_that_cannot_be_read_give_no_verdict() -> None:
    """The reason is told in their place."""
    found = verdict(report(alerts=Part(None, "this role may not", "Ask.")))
    assert (found.kind, found.headline) == ("unknown", "No verdict")
    assert "this role may not" in found.because


def test_nothing_else_is_remarked_where_all_is_well() -> None:
    """A sound database has no remarks."""
    assert verdict(REPORTS["healthy"]).remarks == ()


def test_what_is_no_alert_is_remarked() -> None:
    """Metrics off target, metrics and parts that cannot be read, and migrations."""
    found = verdict(
        report(
            cards=(card("slow", verdict="breach"), card("lost", problem="no such function")),
            rollout=Part({"problem": "the flag is missing"}),
            migration=REPORTS["broken"].migration,
        )
    )
    assert found.remarks == (
        "Off target: slow.",
        "Could not be measured: lost.",
        "The rollout flag is damaged, so V2 is off: the flag is missing.",
        "1 change of the plan not deployed.",
        "Edited since deployed: limits.",
    )
    lost = verdict(report(rollout=Part(None, "may not"), migration=Part(None, "may not either")))
    assert lost.remarks == (
        "The rollout flag cannot be read: may not.",
        "The state of the migrations cannot be read: may not either.",
    )
