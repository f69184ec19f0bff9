"""A real Prometheus scrapes the exporter and evaluates the exported rules."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carecli.alerts import read_alerts
from tests.plugins.chaos import wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import Serve, Served, fetch

pytestmark = [pytest.mark.slow, pytest.mark.peer("prometheus")]

CONFIGURATION = """\
global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 500ms}}
rule_files: [carecli.rules.yml]
scrape_configs:
  - job_name: carecli
    static_configs: [{{targets: ["{target}"]}}]
"""
LISTENS = re.compile(r'"Listening on" address=(\S+)')
ALERT = {"alertname", "severity", "rule", "series", "instance", "job"}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs.

    Arguments:
        url: where it answers.
    """

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of one answer of its HTTP API."""
        query = urllib.parse.urlencode(parameters)
        answer = json.loads(fetch(f"{self.url}/api/v1/{path}?{query}").text)
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, query: str) -> float | None:
        """Return the value of the only series that a query gives, or None where it gives none."""
        found = self.ask("query", query=query)["result"]
        assert len(found) < 2
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire or are about to."""
        found: list[dict[str, Any]] = self.ask("alerts")["alerts"]
        return found

    def firing(self) -> set[tuple[str, str, str]]:
        """Return severity, rule and series of the alerts that fire."""
        return {
            (labels["severity"], labels["rule"], labels.get("series", ""))
            for alert in self.alerts()
            if alert["state"] == "firing"
            for labels in [alert["labels"]]
        }

    def evaluated(self) -> list[str]:
        """Return when each rule was evaluated last."""
        groups = self.ask("rules")["groups"]
        return [rule["lastEvaluation"] for group in groups for rule in group["rules"]]

    def settle(self) -> None:
        """Wait until every rule was evaluated on what was scraped from now on, twice."""
        seen = self.value("carecli_query_rounds_total") or 0
        wait_for("a scrape", lambda: (self.value("carecli_query_rounds_total") or 0) > seen)
        for _ in range(2):
            before = self.evaluated()
            wait_for("the rules to be evaluated", lambda: self.evaluated_since(before))  # noqa: B023

    def evaluated_since(self, before: list[str]) -> bool:
        """Tell whether each rule was evaluated again."""
        return all(now > then for now, then in zip(self.evaluated(), before, strict=True))


@pytest.fixture
def start_prometheus(
    peer: Callable[[str], Path], carecli_run: Run, tmp_path: Path
) -> Iterator[Callable[[TestDatabase, Served], Prometheus]]:
    """Give a function that exports the rules and starts a Prometheus with them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(database: TestDatabase, served: Served) -> Prometheus:
        rules = tmp_path / "carecli.rules.yml"
        command = ("metrics", "export", "prometheus-rules", "-d", database.url, "--out", rules)
        carecli_run(*command, check=0)
        target = urllib.parse.urlsplit(served.url).netloc
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(target=target))
        log = tmp_path / "prometheus.log"
        with log.open("w") as output:
            started.append(
                subprocess.Popen(
                    [
                        peer("prometheus"),
                        "--config.file=prometheus.yml",
                        f"--storage.tsdb.path={tmp_path / 'data'}",
                        "--web.listen-address=127.0.0.1:0",
                    ],
                    cwd=tmp_path,
                    stderr=output,
                )
            )
        wait_for("Prometheus", lambda: LISTENS.search(log.read_text()))
        found = LISTENS.search(log.read_text())
        assert found is not None
        url = f"http://{found[1]}"
        wait_for("Prometheus to be ready", lambda: fetch(f"{url}/-/ready").status == 200)
        return Prometheus(url)

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=60)


Start = Callable[[TestDatabase, Served], Prometheus]


@pytest.fixture
def served(migrated: TestDatabase, start_exporter: Serve) -> Served:
    """Give an exporter of the database that asks at each scrape."""
    return start_exporter("-d", migrated.url, "--cache", "0s")


def log_creations(database: TestDatabase, succeeded: int, failed: int) -> None:
    """Log so many calls that begin a conversation, just now."""
    database.execute(
        "insert into messaging.rpc_events (occurred_at, request_id, service, method, event,"
        " error_code, version, duration_ms)"
        " select now() - interval '1 second', 'v2_' || n, 'MessagingServiceV2',"
        " 'startHelpConversation', case when n <= %s then 'success' else 'server_error' end,"
        " case when n <= %s then null else 'server_error' end, 'v2', 12"
        " from generate_series(1, %s) as n",
        succeeded,
        succeeded,
        succeeded + failed,
    )


PAGED = {"creation_success_rollback", "creation_success_critical"}
NOTIFIED = {
    "creation_success_warning",
    "error_code_warning",
    "error_rate_critical",
    "error_rate_warning",
}
# Calls that succeeded, calls that failed, and which rules fire.
STATES = (
    (20, 0, set[str]()),
    # Three of twenty: at the threshold of the page, beyond that of the warning.
    (17, 3, NOTIFIED),
    (15, 5, NOTIFIED | PAGED),
    # As bad, but of too few calls for all rules but the one that looks at five minutes.
    (9, 10, {"creation_success_rollback"}),
    (0, 9, set[str]()),
)


def test_prometheus_alerts_as_the_database_does(
    migrated: TestDatabase, served: Served, start_prometheus: Start
) -> None:
    """What fires there is what the database says fires; it begins and ends with its cause."""
    prometheus = start_prometheus(migrated, served)
    for succeeded, failed, expected in STATES:
        migrated.execute("delete from messaging.rpc_events")
        log_creations(migrated, succeeded, failed)
        prometheus.settle()
        judged = {
            (alert.severity, alert.name, alert.series)
            for alert in read_alerts(migrated.connect())
            if alert.state == "firing"
        }
        assert {name for _, name, _ in judged} == expected
        assert prometheus.firing() == judged


def test_alert_has_what_on_call_needs(
    migrated: TestDatabase, served: Served, start_prometheus: Start
) -> None:
    """The value, the code, what to do, and where to read on."""
    log_creations(migrated, 15, 5)
    prometheus = start_prometheus(migrated, served)
    prometheus.settle()
    (alert,) = [
        alert
        for alert in prometheus.alerts()
        if alert["labels"]["alertname"] == "CarecliErrorCodeWarning"
    ]
    assert set(alert["labels"]) == ALERT
    assert alert["annotations"]["summary"] == (
        "error code share of server_error is 0.25, above 0.05 over 5 minutes"
    )
    assert alert["annotations"]["action"].startswith("Notify, with the code.")
    assert alert["annotations"]["runbook"] == "docs/runbook.md#error_code_warning"
    # Everything that a scrape shows is stored.
    stored = set(prometheus.ask("label/__name__/values"))
    assert {name for name, _ in served.scrape()} <= stored
    assert prometheus.value("up") == 1


def test_exporter_that_died_is_noticed(
    migrated: TestDatabase, served: Served, start_prometheus: Start
) -> None:
    """Its alert is pending at once, and fires when that lasts."""
    prometheus = start_prometheus(migrated, served)
    prometheus.settle()
    assert prometheus.alerts() == []
    served.process.kill()
    wait_for(
        "the alert",
        lambda: any(alert["labels"]["rule"] == "carecli_down" for alert in prometheus.alerts()),
    )
