"""Readings and alerts in Prometheus's formats."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from carecli.alerts import read_alerts
from carecli.exporting.grafana import read_measures
from carecli.exporting.prometheus import STATUSES, families_of_round, render
from carecli.exporting.rounds import Round
from carecli.monitoring import Metric, Reading, Sample, load_metrics
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import made_up, make_alert, parse
from tests.plugins.metrics import make_metric


def metric(name: str = "probe", **fields: str) -> Metric:
    """Return a metric of things."""
    return make_metric("select 1 as value", name, **fields)


def reading(*samples: tuple[dict[str, Any], str, float | None], **of: str) -> Reading:
    """Return what a metric of things says: labels, measure and value of each sample."""
    return Reading(metric(**of), None, tuple(Sample(*sample) for sample in samples))


def values(text: str) -> dict[str, float]:
    """Return the samples without labels, and those with one label under name and value of it."""
    return {
        " ".join([name, *(value for _, value in labels)]): value
        for (name, labels), value in parse(text).items()
        if not name.endswith("_status")
    }


def test_measures_and_labels_make_series() -> None:
    """Each measure is a family, each row a series of it."""
    text = render(
        [
            reading(
                ({"state": "idle"}, "connections", 3),
                ({"state": "idle"}, "share", 0.3),
                ({"state": "active"}, "connections", 1),
                labels="state",
            )
        ],
        [],
    )
    assert values(text) == {
        "carecli_probe_connections idle": 3,
        "carecli_probe_connections active": 1,
        "carecli_probe_share idle": 0.3,
    }


def test_counter_is_declared_one() -> None:
    """Prometheus is told by the type and by the name."""
    text = render([reading(({}, "value", 7), name="calls_total", type="counter")], [])
    assert "# TYPE carecli_calls_total counter\ncarecli_calls_total 7.0\n" in text


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_data_is_no_series(value: float | None) -> None:
    """It is not zero: not there at all, and its status says why."""
    text = render([reading(({}, "value", value))], [])
    assert not any(name == "carecli_probe" for name, _ in parse(text))
    assert "carecli_probe " not in text


@pytest.mark.parametrize("status", STATUSES)
def test_status_of_each_metric_is_told(status: str) -> None:
    """Exactly one of the three is 1."""
    found = {
        "ok": reading(({}, "value", 1)),
        "no data": reading(),
        "unavailable": Reading(metric(), None, (), problem="relation x does not exist"),
    }[status]
    series = parse(render([found], []))
    told = {
        dict(labels)["status"]: value
        for (name, labels), value in series.items()
        if name == "carecli_metric_status"
    }
    assert told == {name: float(name == status) for name in STATUSES}


def test_words_of_the_server_are_not_shown() -> None:
    """A problem can quote anything; the metrics are open to whoever reaches the port."""
    found = Reading(metric(), None, (), problem="hush in postgresql://me:hush@db")
    assert "hush" not in render([found], [])


def test_rows_with_the_same_labels_make_the_metric_unavailable() -> None:
    """Prometheus would refuse the whole scrape for it."""
    text = render([reading(({}, "value", 1), ({}, "value", 2)), reading(({}, "value", 3),
                   name="other")], [])  # fmt: skip
    assert values(text) == {"carecli_other": 3}
    assert 'carecli_metric_status{metric="probe",status="unavailable"} 1.0' in text


def test_two_metrics_of_one_name_are_not_mixed() -> None:
    """The second one is unavailable; the first one stays as it is."""
    text = render(
        [
            reading(({}, "b_c", 1), name="a"),
            reading(({}, "c", 2), name="a_b"),
            reading(({}, "value", 3), name="up"),
        ],
        [],
    )
    assert values(text) == {"carecli_a_b_c": 1}
    assert 'carecli_metric_status{metric="a_b",status="unavailable"} 1.0' in text
    assert 'carecli_metric_status{metric="up",status="unavailable"} 1.0' in text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_label_comes_through(label: str) -> None:
    """Whatever a column holds, the parser of OpenMetrics reads it again."""
    families = families_of_round(
        Round(True, 0.1, (reading(({"who": label}, "value", 1), labels="who"),), ())
    )
    text = open_metrics(families).decode()  # type: ignore[no-untyped-call]
    (found,) = [
        sample.labels["who"]
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.name == "carecli_probe"
    ]
    assert found == label


def test_label_without_a_value_is_left_empty() -> None:
    """A null in a label is not the word None."""
    text = render([reading(({"version": None}, "value", 1), labels="version")], [])
    assert 'carecli_probe{version=""} 1.0' in text


def test_rules_are_shown_as_the_database_evaluates_them() -> None:
    """Value and sample by rule and series, and whether it fires."""
    fires = {"name": "error_code_warning", "severity": "warning", "state": "firing"}
    series = parse(
        render(
            [],
            [
                make_alert(),
                make_alert(**fires, series="timeout", value=0.25, sample=40),
                make_alert(**fires, series="unknown", value=0.15, sample=40),
            ],
        )
    )

    def at(name: str, **labels: str) -> float | None:
        return series.get((f"carecli_rule_{name}", frozenset(labels.items())))

    assert at("value", rule="creation_success_critical", series="") == 0.99
    assert at("samples", rule="creation_success_critical", series="") == 100
    assert at("firing", rule="creation_success_critical", severity="critical") == 0
    assert at("threshold", rule="creation_success_critical") == 0.85
    assert at("minimum_samples", rule="creation_success_critical") == 20
    assert at("value", rule="error_code_warning", series="timeout") == 0.25
    assert at("value", rule="error_code_warning", series="unknown") == 0.15
    assert at("firing", rule="error_code_warning", severity="warning") == 1


def test_rule_without_data_has_no_value() -> None:
    """A Prometheus rule then finds nothing to compare."""
    text = render([], [make_alert(state="no data", value=None, sample=0)])
    assert "carecli_rule_value{" not in text
    assert 'carecli_rule_firing{rule="creation_success_critical",severity="critical"} 0.0' in text


@pytest.mark.parametrize("keyword", ["up", "last_error", "build_info", "query_rounds_total"])
def test_exporter_tells_of_itself(keyword: str) -> None:
    """A scrape that found no database says so, and no more."""
    families = families_of_round(Round(False, 0.5, error="CannotConnect"))
    text = open_metrics(families).decode()  # type: ignore[no-untyped-call]
    assert f"carecli_{keyword}" in text
    assert "carecli_up 0.0" in text
    assert 'carecli_last_error_info{class="CannotConnect"} 1.0' in text
    assert "carecli_metric_status" not in text
    assert "carecli_rules_up" not in text


@pytest.mark.peer("promtool")
def test_promtool_finds_no_fault(migrated: TestDatabase, peer: Callable[[str], Path]) -> None:
    """The shipped metrics and rules, and odd ones, are as Prometheus wants them."""
    metrics = (*load_metrics(), make_metric("select 1 as count, 3 as percent", "odd_total"))
    with migrated.connect() as connection:
        readings = made_up(metrics, read_measures(connection, metrics))
        text = render(readings, read_alerts(connection))
    assert "carecli_odd_things" in text
    assert 'status="unavailable"} 1' not in text
    done = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=text, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
