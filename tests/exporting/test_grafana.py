"""The dashboard of Grafana."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from carecli.alerts import read_alerts
from carecli.exporting.grafana import dashboard, panels_of_metric, read_measures
from carecli.exporting.prometheus import families_of_round
from carecli.exporting.rounds import Round
from carecli.monitoring import load_metrics
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import made_up
from tests.plugins.metrics import make_metric

NAME = re.compile(r"carecli_[a-z0-9_]+")
GREEN, RED = "green", "red"


@pytest.fixture
def measures(migrated: TestDatabase) -> dict[str, tuple[str, ...]]:
    """Give the measures of the shipped metrics."""
    return read_measures(migrated.connect(), load_metrics())


@pytest.fixture
def made(measures: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Give the dashboard of the shipped metrics, as it is written into a file."""
    found: dict[str, Any] = json.loads(json.dumps(dashboard(load_metrics(), measures)))
    return found


def queries(made: dict[str, Any]) -> list[str]:
    """Return the expressions of all panels."""
    return [target["expr"] for panel in made["panels"] for target in panel.get("targets", ())]


def test_measures_are_the_columns_that_are_no_labels(measures: dict[str, tuple[str, ...]]) -> None:
    """Each metric has some; the server tells which, and no query runs."""
    assert set(measures) == {metric.name for metric in load_metrics()}
    assert measures["connection_pool_used"] == ("connections", "share")


def test_query_is_described_and_not_run(migrated: TestDatabase) -> None:
    """One that would fail has columns all the same; one that cannot be planned is left out."""
    fails = make_metric("select 1 / count(*) as late from pg_catalog.pg_class where false", "fails")
    metrics = (fails, make_metric("select value from public.nowhere", "missing"))
    assert read_measures(migrated.connect(), metrics) == {"fails": ("late",)}


def test_every_metric_has_a_panel(made: dict[str, Any]) -> None:
    """A new file is a new panel."""
    titles = [panel["title"] for panel in made["panels"] if panel["type"] != "row"]
    for metric in load_metrics():
        words = metric.name.replace("_", " ")
        assert any(title.split(":")[0] == words for title in titles)


def test_every_query_names_what_the_exporter_shows(
    migrated: TestDatabase, made: dict[str, Any], measures: dict[str, tuple[str, ...]]
) -> None:
    """No panel asks for a name that is nowhere, and no measure is left out."""
    readings = made_up(load_metrics(), measures)
    alerts = read_alerts(migrated.connect())
    families = families_of_round(Round(True, 0.1, readings, alerts))
    shown = {sample.name for family in families for sample in family.samples}
    # A rule without data shows no value.
    shown.add("carecli_rule_value")
    asked = {name for query in queries(made) for name in NAME.findall(query)}
    assert asked <= shown
    of_readings = families_of_round(Round(True, 0.1, readings))
    of_exporter = families_of_round(Round(True, 0.1))
    own = {sample.name for family in of_exporter for sample in family.samples}
    assert {sample.name for family in of_readings for sample in family.samples} - own <= asked


def test_ids_are_unique(made: dict[str, Any]) -> None:
    """Grafana takes a panel for another one's otherwise."""
    ids = [panel["id"] for panel in made["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_panels_have_places_of_their_own(made: dict[str, Any]) -> None:
    """None overlaps another, none stands beyond the edge."""
    places = [(panel["title"], panel["gridPos"]) for panel in made["panels"]]
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 for _, at in places)
    overlaps = [
        (one, other)
        for (one, a), (other, b) in combinations(places, 2)
        if a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ]
    assert overlaps == []


def test_letters_of_queries_are_unique(made: dict[str, Any]) -> None:
    """In each panel."""
    for panel in made["panels"]:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)


def test_data_source_is_chosen_in_grafana(made: dict[str, Any]) -> None:
    """No panel names one of its own."""
    (source, _) = made["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource", "datasource", "prometheus",
    )  # fmt: skip
    for panel in made["panels"]:
        for asked in (panel, *panel.get("targets", ())):
            if panel["type"] != "row":
                assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_rows_are_the_windows(made: dict[str, Any]) -> None:
    """What is now stands before what is looked back on."""
    rows = [panel["title"] for panel in made["panels"] if panel["type"] == "row"]
    assert rows[:2] == ["Health", "Now"]
    assert rows[-1] == "Since the beginning"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"target": "value < 0.5"}, [(None, GREEN), (0.5, RED)]),
        ({"target": "value > 0.99"}, [(None, RED), (0.99, GREEN)]),
        (
            {"target": "value = 100", "unit": "percent"},
            [(None, RED), (1.0, GREEN), (1.000001, RED)],
        ),
        ({"target": ""}, [(None, GREEN)]),
    ],
)
def test_colours_are_those_of_the_target(
    fields: dict[str, str], expected: list[tuple[float | None, str]]
) -> None:
    """Red is where the metric is not healthy, in the unit that the exporter shows."""
    metric = make_metric("select 1 as value", "probe", **fields)
    (panel,) = panels_of_metric(metric, ["value"])
    assert list(panel.steps) == expected


@pytest.mark.parametrize(
    ("metric", "measures", "units"),
    [
        ({"unit": "seconds"}, ["p50", "p95", "calls"], ["s", ""]),
        ({"unit": "rows and bytes"}, ["rows", "bytes", "share"], ["", "bytes", "percentunit"]),
        ({"unit": "calls", "type": "counter"}, ["value"], ["ops"]),
    ],
)
def test_panel_has_one_unit(metric: dict[str, str], measures: list[str], units: list[str]) -> None:
    """Measures of different units stand in panels of their own."""
    found = make_metric("select 1 as value", "probe", **metric)
    assert [panel.unit for panel in panels_of_metric(found, measures)] == units


def test_counter_is_shown_as_a_rate() -> None:
    """The number itself only grows."""
    found = make_metric("select 1 as value", "calls_total", type="counter")
    (panel,) = panels_of_metric(found, ["value"])
    ((_, query),) = panel.queries
    assert query == 'rate(carecli_calls_total{instance=~"$instance"}[$__rate_interval])'


def test_metric_by_day_is_a_bar_chart() -> None:
    """Its series are days already: the rows of now, in their order."""
    query = "select current_date as day, 1 as begun where %(until)s > now() - %(window)s"
    daily = make_metric(query, labels="day", window="7 days")
    (panel,) = panels_of_metric(daily, ["begun", "ended"])
    made = panel.as_json(1, 0, 0)
    assert made["type"] == "barchart"
    assert all(target["instant"] and target["format"] == "table" for target in made["targets"])
    assert made["transformations"][0]["options"]["byField"] == "day"
