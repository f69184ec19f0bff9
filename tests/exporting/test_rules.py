"""The alert rules as a rule file of Prometheus, held to promtool."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carecli.alerts import Alert, read_alerts
from carecli.exporting.prometheus import families_of_rules
from carecli.exporting.rules import OWN_RULES, PrometheusRule, prometheus_rules, rule_file
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import make_alert

Check = Callable[[str], subprocess.CompletedProcess[str]]
Prove = Callable[[str, list[dict[str, Any]]], None]

STEP = 0.001


@pytest.fixture
def check(peer: Callable[[str], Path]) -> Check:
    """Give a function that lets promtool check a rule file."""

    def run(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [peer("promtool"), "check", "rules", "/dev/stdin"], input=text, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def prove(peer: Callable[[str], Path], tmp_path: Path) -> Prove:
    """Give a function that lets promtool run tests of a rule file."""

    def run(text: str, tests: list[dict[str, Any]]) -> None:
        (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
        cases = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
        # JSON is YAML, but for how it writes what is not ASCII.
        written = json.dumps(cases, ensure_ascii=False)
        escaped = re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", written)
        (tmp_path / "tests.yml").write_text(escaped, encoding="ascii")
        done = subprocess.run(
            [peer("promtool"), "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.fail(done.stdout + done.stderr)

    return run


@pytest.fixture
def rules(migrated: TestDatabase) -> tuple[Alert, ...]:
    """Give the alert rules of a database as they are seeded."""
    return read_alerts(migrated.connect())


def scraped(alerts: Iterable[Alert], length: int = 10) -> Iterator[dict[str, str]]:
    """Yield what the exporter shows of alert rules, as series of promtool's tests."""
    for family in families_of_rules(alerts):
        for sample in family.samples:
            labels = ",".join(f"{name}={json.dumps(of)}" for name, of in sample.labels.items())
            values = f"{sample.value!r}x{length}"
            yield {"series": f"{sample.name}{{{labels}}}", "values": values}


def expectation(rule: PrometheusRule, series: str | None) -> dict[str, Any]:
    """Return what promtool is to find of a rule: an alert of that series, or none."""
    name = {"alertname": rule.alert, "eval_time": "5m"}
    if series is None:
        return {**name, "exp_alerts": []}
    labels = {"severity": rule.severity, "rule": rule.rule, "series": series}
    return {**name, "exp_alerts": [{"exp_labels": labels, "exp_annotations": None}]}


def cases(alert: Alert) -> Iterator[tuple[str, Alert, bool]]:
    """Yield states of one rule and whether it fires in them."""
    sign = 1 if alert.comparison == ">" else -1
    enough = replace(alert, sample=alert.minimum_sample, series=alert.series or "of one")
    beyond = alert.threshold + sign * STEP
    yield "beyond the threshold", replace(enough, value=beyond), True
    yield "at the threshold", replace(enough, value=alert.threshold), False
    yield "one step below", replace(enough, value=alert.threshold - sign * STEP), False
    few = replace(enough, value=beyond, sample=alert.minimum_sample - 1)
    yield "with too few samples", few, False
    yield "without data", replace(enough, value=None, sample=0), False


@pytest.mark.peer("promtool")
def test_promtool_accepts_the_rules(rules: tuple[Alert, ...], check: Check) -> None:
    """Each rule of the database, and the exporter's own."""
    done = check(rule_file(prometheus_rules(rules)))
    assert done.returncode == 0, done.stderr
    absent = sum(alert.data_expected for alert in rules)
    assert f"SUCCESS: {len(rules) + len(OWN_RULES) + absent} rules found" in done.stdout


@pytest.mark.peer("promtool")
def test_each_rule_fires_and_is_silent(rules: tuple[Alert, ...], prove: Prove) -> None:
    """Beyond its threshold with the smallest sample; not at it, below it, or with one call less."""
    written = {rule.rule: rule for rule in prometheus_rules(rules)}
    assert {alert.name for alert in rules} <= set(written)
    tests = []
    for alert in rules:
        for what, state, fires in cases(alert):
            rule = written[alert.name]
            expected = expectation(rule, state.series if fires else None)
            for found in expected["exp_alerts"]:
                found["exp_annotations"] = filled_in(rule, state)
            tests.append(
                {
                    "name": f"{alert.name} {what}",
                    "interval": "1m",
                    "input_series": list(scraped([state])),
                    "alert_rule_test": [expected],
                }
            )
    prove(rule_file(prometheus_rules(rules)), tests)


def filled_in(rule: PrometheusRule, state: Alert) -> dict[str, str]:
    """Return the annotations of an alert, with the templates filled in."""
    assert state.value is not None
    summary = rule.summary.replace("{{ $value }}", go_number(state.value))
    summary = summary.replace(
        "{{ with $labels.series }} of {{ . }}{{ end }}", f" of {state.series}"
    )
    return {
        "summary": summary,
        "description": rule.description,
        "action": rule.action,
        "runbook": f"docs/runbook.md#{rule.rule}",
    }


def go_number(value: float) -> str:
    """Return a number as Go prints it."""
    return str(int(value)) if value.is_integer() else repr(value)


def own(name: str) -> PrometheusRule:
    (found,) = [rule for rule in OWN_RULES if rule.rule == name]
    return found


@pytest.mark.peer("promtool")
@pytest.mark.parametrize(
    ("rule", "series", "labels"),
    [
        ("carecli_down", {"carecli_up": "0x10"}, {}),
        ("carecli_down", {}, {}),
        ("carecli_down", {"carecli_up": "1x10"}, None),
        ("carecli_down", {"carecli_up": "1x3 0x0 1x6"}, None),
        ("carecli_rules_not_evaluated", {"carecli_up": "1x10", "carecli_rules_up": "0x10"}, {}),
        ("carecli_rules_not_evaluated", {"carecli_up": "1x10", "carecli_rules_up": "1x10"}, None),
        (
            "carecli_metric_unavailable",
            {'carecli_metric_status{metric="x",status="unavailable"}': "1x10"},
            {"metric": "x", "status": "unavailable"},
        ),
        (
            "carecli_metric_unavailable",
            {'carecli_metric_status{metric="x",status="unavailable"}': "0x10"},
            None,
        ),
    ],
)
def test_exporter_is_watched_too(
    prove: Prove, rule: str, series: dict[str, str], labels: dict[str, str] | None
) -> None:
    """What keeps every other rule from firing has alerts of its own."""
    found = own(rule)
    expected = expectation(found, None)
    expected["eval_time"] = "9m"
    if labels is not None:
        told = {**labels, "severity": found.severity, "rule": rule}
        annotation = {
            "summary": found.summary.replace("{{ $labels.metric }}", "x"),
            "description": found.description,
            "action": found.action,
            "runbook": f"docs/runbook.md#{rule}",
        }
        expected["exp_alerts"] = [{"exp_labels": told, "exp_annotations": annotation}]
    series_of = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": series_of, "alert_rule_test": [expected]}
    prove(rule_file(OWN_RULES), [test])


@pytest.mark.peer("promtool")
@pytest.mark.parametrize("there", [True, False])
def test_absence_of_data_that_has_to_be_there_fires(prove: Prove, there: bool) -> None:
    """Of a rule that says so; and only where the rules are evaluated at all."""
    alert = make_alert("connection_pool_critical", data_expected=True)
    (rule,) = [rule for rule in prometheus_rules([alert]) if rule.about == alert.name]
    series = [*scraped([replace(alert, value=0.1 if there else None)])]
    expected: dict[str, Any] = {"alertname": rule.alert, "eval_time": "9m", "exp_alerts": []}
    if not there:
        expected["exp_alerts"] = [
            {
                "exp_labels": {"severity": "warning", "rule": alert.name},
                "exp_annotations": {
                    "summary": rule.summary,
                    "description": rule.description,
                    "action": rule.action,
                    "runbook": "docs/runbook.md#carecli_no_data",
                },
            }
        ]
    up = {"series": "carecli_rules_up", "values": "1x10"}
    test = {"interval": "1m", "input_series": [up, *series], "alert_rule_test": [expected]}
    prove(rule_file(prometheus_rules([alert])), [test])


@pytest.mark.peer("promtool")
@pytest.mark.parametrize(
    "action",
    [
        "Page: 'now' \"quickly\" \\ # not later",
        "{{ $labels.nothing }} and {{ broken",
        "two\nlines\tand a bell \a",
        "caf\u00e9 \u2028 \x85 \x7f \ufeff \U0001f6a8",
        "yes",
        "- a: {b, c}",
        "%YAML",
    ],
)
def test_any_action_stands_as_it_is(prove: Prove, action: str) -> None:
    """Neither YAML nor Prometheus's templates take it for more than text."""
    alert = make_alert(action=action, value=0.5)
    (rule, *_) = prometheus_rules([alert])
    expected = expectation(rule, "")
    del expected["exp_alerts"][0]["exp_labels"]["series"]
    filled = {**filled_in(rule, replace(alert, series="")), "action": action}
    filled["summary"] = filled["summary"].replace(" of  is", " is")
    expected["exp_alerts"][0]["exp_annotations"] = filled
    series = list(scraped([alert]))
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [expected]}
    prove(rule_file(prometheus_rules([alert])), [test])


def test_rules_stand_in_an_order_of_their_own() -> None:
    """What fires now changes nothing in the file."""
    alerts = [
        make_alert("b", severity="info"),
        make_alert("c", severity="critical"),
        make_alert("a", severity="critical"),
    ]
    expected = ["a", "c", "b", *(rule.rule for rule in OWN_RULES)]
    assert [rule.rule for rule in prometheus_rules(alerts)] == expected
    assert rule_file(prometheus_rules(alerts)) == rule_file(prometheus_rules(alerts[::-1]))


def test_rule_of_several_series_stands_once() -> None:
    """Two error codes that fire are one rule."""
    alerts = [make_alert(state="firing", series=code) for code in ("timeout", "unknown")]
    assert len(prometheus_rules(alerts)) == 1 + len(OWN_RULES)


@pytest.mark.parametrize("word", ["yes", "No", "null", "true", "1e3", "- x", "a: b", "# c"])
def test_word_that_yaml_takes_for_something_else_is_quoted(word: str) -> None:
    """Other readers than Prometheus's see a text as well."""
    alert = make_alert(action=word)
    assert f'          action: "{word}"\n' in rule_file(prometheus_rules([alert]))
