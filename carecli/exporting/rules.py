"""The alert rules of the database as a rule file of Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carecli.monitoring import shown_window

if TYPE_CHECKING:
    from carecli.alerts import Alert

__all__ = ["OWN_RULES", "PrometheusRule", "prometheus_rules", "rule_file"]

_HEAD = """\
# Made by `carecli metrics export prometheus-rules` from the rules in messaging.alert_rules.
# Change them there, with messaging.set_alert_rule(), and export them again.
#
# The database computes each value over its rule's own window, so a rule fires at once: no `for`.
"""
_RUNBOOK = "docs/runbook.md"
_SEVERITIES = ("critical", "warning", "info")
# What needs no quotes in YAML, and is not read as anything but text.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./ -]*[A-Za-z0-9]")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(frozen=True, slots=True)
class PrometheusRule:
    """One alert of a rule file.

    Arguments:
        rule: its name in `messaging.alert_rules`, or one of the exporter's own.
        severity: critical, warning or info.
        expression: in PromQL; the alert fires for each series that it gives.
        summary: one line, in Prometheus's template language.
        description: what it means, in the same.
        action: what to do.
        lasting: how long it has to hold first, such as `2m`; empty: not at all.
        about: the rule of messaging that it is about, where that is not itself.
    """

    rule: str
    severity: str
    expression: str
    summary: str
    description: str
    action: str
    lasting: str = ""
    about: str = ""

    @property
    def alert(self) -> str:
        """The name of the alert: that of the rule, in the case that Prometheus users write."""
        name = "".join(
            word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", self.rule)
        )
        return name if name.startswith("Carecli") else f"Carecli{name}"


OWN_RULES = (
    PrometheusRule(
        rule="carecli_down",
        severity="critical",
        expression="carecli_up == 0 or absent(carecli_up)",
        summary="carecli sees nothing of messaging",
        description="The exporter has not read the database for 2 minutes, or is not scraped: "
        "no other alert can fire meanwhile.",
        action="Look at /healthz of the exporter, then at the database.",
        lasting="2m",
    ),
    PrometheusRule(
        rule="carecli_rules_not_evaluated",
        severity="critical",
        expression="carecli_rules_up == 0",
        summary="the database does not evaluate the alert rules",
        description="The metrics are read but messaging.evaluate_alerts() fails: "
        "no alert of messaging can fire.",
        action="Run carecli alerts, and carecli verify.",
        lasting="2m",
    ),
    PrometheusRule(
        rule="carecli_metric_unavailable",
        severity="warning",
        expression='carecli_metric_status{status="unavailable"} == 1',
        summary="the metric {{ $labels.metric }} cannot be read",
        description="Its query fails or is too slow, while others are answered.",
        action="Run carecli metrics, which tells the reason.",
        lasting="5m",
    ),
)
"""What the exporter alerts of beside the rules of messaging."""


def prometheus_rules(alerts: Iterable[Alert]) -> tuple[PrometheusRule, ...]:
    """Return one alert for each rule that is on, and the exporter's own.

    Arguments:
        alerts: as evaluated now; of a rule with several series one row is enough.
    """
    # In an order that does not change with what fires.
    ordered = sorted(alerts, key=lambda alert: (_SEVERITIES.index(alert.severity), alert.name))
    rules = {alert.name: alert for alert in ordered}
    expected = [alert for alert in rules.values() if alert.data_expected]
    return (
        *map(_as_prometheus_rule, rules.values()),
        *OWN_RULES,
        *map(_as_rule_of_absence, expected),
    )


def rule_file(rules: Iterable[PrometheusRule]) -> str:
    """Return the text of the rule file, in YAML.

    Arguments:
        rules: in the order in which they are to stand.
    """
    lines = [_HEAD + "groups:", "  - name: carecli", "    rules:"]
    for rule in rules:
        lines += _lines(rule)
    return "\n".join(lines) + "\n"


def _as_prometheus_rule(alert: Alert) -> PrometheusRule:
    chosen = f"{{rule={_quoted(alert.name)}}}"
    threshold = _number(alert.threshold)
    words = alert.metric.replace("_", " ")
    than = "below" if alert.comparison == "<" else "above"
    over = f" over {shown_window(alert.time_window)}"
    return PrometheusRule(
        rule=alert.name,
        severity=alert.severity,
        expression=f"carecli_rule_value{chosen} {alert.comparison} {threshold}\n"
        f"and carecli_rule_samples{chosen} >= {alert.minimum_sample}",
        summary=f"{_literal(words)}"
        "{{ with $labels.series }} of {{ . }}{{ end }} is {{ $value }}, "
        f"{than} {threshold}{over}",
        description=f"Measured by the database as {_literal(alert.metric)}{over}; "
        f"smallest sample: {alert.minimum_sample}."
        + (" Turns V2 off where carecli rollout guard runs." if alert.rollback_trigger else ""),
        action=_literal(alert.action),
    )


def _as_rule_of_absence(alert: Alert) -> PrometheusRule:
    """Return the alert for a rule that has to have data at any time, and has none."""
    value = f"carecli_rule_value{{rule={_quoted(alert.name)}}}"
    return PrometheusRule(
        rule="carecli_no_data",
        severity="warning",
        expression=f"absent({value})\nand on () max(carecli_rules_up) == 1",
        summary=f"no data for the rule {_literal(alert.name)}",
        description=f"There is always data for {_literal(alert.metric)} where the watching works, "
        "and now there is none.",
        action="Run carecli alerts, and carecli metrics, which tells the reason.",
        lasting="5m",
        about=alert.name,
    )


def _lines(rule: PrometheusRule) -> Iterator[str]:
    yield f"      - alert: {_scalar(rule.alert)}"
    yield "        expr: |-"
    for line in rule.expression.splitlines():
        yield f"          {line}"
    if rule.lasting:
        yield f"        for: {rule.lasting}"
    yield "        labels:"
    yield f"          severity: {_scalar(rule.severity)}"
    # The series of the exporter's own rules have no such label.
    yield f"          rule: {_scalar(rule.about or rule.rule)}"
    yield "        annotations:"
    annotations = {
        "summary": rule.summary,
        "description": rule.description,
        "action": rule.action,
        "runbook": f"{_RUNBOOK}#{rule.rule}",
    }
    for name, text in annotations.items():
        yield f"          {name}: {_scalar(text)}"


def _scalar(text: str) -> str:
    """Return a text for YAML: as it is, or in quotes as JSON has them, which YAML shares."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # JSON lets characters stand that YAML does not call printable.
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _quoted(text: str) -> str:
    """Return a text as a string of PromQL, which has the escapes of Go."""
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def _literal(text: str) -> str:
    """Return a text so that Prometheus's template language takes it as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
