"""Readings and alerts as families of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from carecli import __version__
from carecli.exporting.naming import Name, name_measure
from carecli.exporting.rounds import Round

if TYPE_CHECKING:
    from carecli.alerts import Alert
    from carecli.monitoring import Reading, Sample

__all__ = ["STATUSES", "Families", "families_of_round", "families_of_rules", "render"]

STATUSES = ("ok", "no data", "unavailable")
_FIRING = "firing"
# What the exporter says of itself; no metric may take one of these names.
_OWN = {
    "carecli_up": "Whether the last round of queries reached the database and ended in time.",
    "carecli_last_error": "Kind of fault that kept the last round from ending well.",
    "carecli_scrape_duration_seconds": "How long the round of queries took.",
    "carecli_query_rounds": "Rounds of queries since the exporter was started.",
    "carecli_build": "Version of carecli.",
    "carecli_metric_status": "1 for what a metric is: ok, no data, or unavailable; else 0.",
    "carecli_rules_up": "Whether the database could evaluate the alert rules.",
    "carecli_rule_value": "What an alert rule measures now, over its own window.",
    "carecli_rule_samples": "How many samples the value of an alert rule rests on.",
    "carecli_rule_threshold": "What the value of an alert rule is compared with.",
    "carecli_rule_minimum_samples": "How many samples an alert rule needs before it fires.",
    "carecli_rule_firing": "1 where the database says that the alert rule fires, else 0.",
}


class Families(list[Family], Collector):
    """Families that a writer of prometheus-client takes for a registry."""

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        return iter(self)


@dataclass(slots=True)
class _Gathering:
    """Families by name, and whose they are; two metrics must not share one."""

    families: dict[str, Family] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)

    def add(self, reading: Reading) -> Reading:
        """Add the samples of one metric, or return it as unavailable where that cannot be."""
        metric, made = reading.metric, dict[str, Family]()
        seen = set[tuple[str, ...]]()
        for sample in reading.samples:
            name = name_measure(metric, sample.measure)
            if self.owner.get(name.sample, metric.name) != metric.name or _is_own(name):
                problem = f"{name.sample} is also the name of another metric"
                return replace(reading, samples=(), problem=problem)
            values = _label_values(reading, sample)
            if (name.sample, *values) in seen:
                return replace(reading, samples=(), problem="two rows have the same labels")
            seen.add((name.sample, *values))
            family = made.setdefault(name.sample, _family(name, metric.help, metric.labels))
            if sample.value is not None and not math.isnan(sample.value):
                family.add_metric(values, sample.value * name.factor)  # type: ignore[attr-defined]
        self.owner.update(dict.fromkeys(made, metric.name))
        self.families.update((name, family) for name, family in made.items() if family.samples)
        return reading


def render(readings: Sequence[Reading], alerts: Sequence[Alert] | None) -> str:
    """Return the readings and alerts in Prometheus's text format 0.0.4.

    Arguments:
        readings: what the metrics say; no data is no line.
        alerts: as evaluated by the database; None where they were not asked for.
    """
    families = Families([*_families_of_readings(readings), *families_of_rules(alerts or ())])
    return generate_latest(families).decode()


def families_of_round(latest: Round) -> Families:
    """Return all that the exporter shows after one round.

    Arguments:
        latest: the round.
    """
    up, build = _own("carecli_up"), _info("carecli_build", version=__version__)
    duration, rounds = _own("carecli_scrape_duration_seconds"), _rounds(latest.number)
    up.add_metric((), float(latest.up))
    duration.add_metric((), latest.seconds)
    families = Families([up, build, duration, rounds])
    if latest.error is not None:
        families.append(_info("carecli_last_error", **{"class": latest.error}))
    if latest.readings or latest.up:
        evaluated = _own("carecli_rules_up")
        evaluated.add_metric((), float(latest.alerts is not None))
        families.append(evaluated)
    families += _families_of_readings(latest.readings)
    families += families_of_rules(latest.alerts or ())
    return families


def families_of_rules(alerts: Iterable[Alert]) -> list[Family]:
    """Return what the alert rules measure; a rule without data has no value.

    Arguments:
        alerts: a row for each series that fires, or for the worst one of a rule.
    """
    series = {name: _own(f"carecli_rule_{name}", "rule", "series") for name in ("value", "samples")}
    threshold = _own("carecli_rule_threshold", "rule")
    minimum = _own("carecli_rule_minimum_samples", "rule")
    firing = _own("carecli_rule_firing", "rule", "severity")
    rules: dict[str, list[Alert]] = {}
    for alert in alerts:
        rules.setdefault(alert.name, []).append(alert)
    for name, rows in rules.items():
        for row in {row.series: row for row in rows}.values():
            if row.value is not None and not math.isnan(row.value):
                series["value"].add_metric((name, row.series or ""), row.value)
            if row.sample is not None:
                series["samples"].add_metric((name, row.series or ""), row.sample)
        threshold.add_metric((name,), rows[0].threshold)
        minimum.add_metric((name,), rows[0].minimum_sample)
        fires = any(row.state == _FIRING for row in rows)
        firing.add_metric((name, rows[0].severity), float(fires))
    return [*series.values(), threshold, minimum, firing] if rules else []


def _families_of_readings(readings: Iterable[Reading]) -> list[Family]:
    gathering = _Gathering()
    read = [gathering.add(reading) for reading in readings]
    status = _own("carecli_metric_status", "metric", "status")
    for reading in read:
        for name in STATUSES:
            status.add_metric((reading.metric.name, name), float(reading.status == name))
    return [*gathering.families.values(), *([status] if read else ())]


def _label_values(reading: Reading, sample: Sample) -> tuple[str, ...]:
    # A label without a value is, for Prometheus, a label that is not there.
    values = (sample.labels.get(label) for label in reading.metric.labels)
    return tuple("" if value is None else str(value) for value in values)


def _family(name: Name, text: str, labels: Sequence[str]) -> Family:
    if name.counter:
        return CounterMetricFamily(name.family, text, labels=labels)
    unit = name.unit if name.family.endswith(f"_{name.unit}") else ""
    return GaugeMetricFamily(name.family, text, labels=labels, unit=unit)


def _own(name: str, *labels: str) -> GaugeMetricFamily:
    unit = "seconds" if name.endswith("_seconds") else ""
    return GaugeMetricFamily(name, _OWN[name], labels=labels, unit=unit)


def _is_own(name: Name) -> bool:
    return name.family in _OWN or name.family.removesuffix("_info") in _OWN


def _info(name: str, **labels: Any) -> InfoMetricFamily:
    return InfoMetricFamily(name, _OWN[name], value=labels)


def _rounds(number: int) -> CounterMetricFamily:
    return CounterMetricFamily("carecli_query_rounds", _OWN["carecli_query_rounds"], value=number)
