"""The exporter as it is run, and what its scrapes say."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from carecli.alerts import Alert
from carecli.exporting.rounds import Rounds
from carecli.exporting.server import Exporter
from carecli.exporting.source import DatabaseSource
from carecli.monitoring import Metric, Reading, Sample, load_metrics
from tests.plugins.chaos import Background, Start

__all__ = [
    "Answer",
    "Series",
    "Serve",
    "Served",
    "fetch",
    "made_up",
    "make_alert",
    "parse",
]

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP.

    Arguments:
        status: its number.
        headers: as they came.
        text: the body.
    """

    status: int
    headers: Message
    text: str


def fetch(url: str, *, method: str = "GET", timeout: float = 60, **headers: str) -> Answer:
    """Ask for a page; an error status is an answer too.

    Arguments:
        url: of the page.
        method: GET, HEAD or whatever.
        timeout: seconds until the server counts as hanging.
        headers: of the request, with `_` for `-`.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=named)  # noqa: S310
    # Nothing between us and the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read().decode())


def parse(text: str) -> Series:
    """Return each sample of a text in Prometheus's format, by its name and labels."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """An exporter that is listening.

    Arguments:
        url: of its metrics.
        command: its process, where it has one.
    """

    url: str
    command: Background | None = None

    def page(self, path: str, **options: Any) -> Answer:
        """Ask for another page of it."""
        return fetch(self.url.removesuffix("/metrics") + path, **options)

    def scrape(self, **options: Any) -> Series:
        """Return what a scrape gives."""
        answer = fetch(self.url, **options)
        assert answer.status == 200
        return parse(answer.text)

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample of a scrape, or None where it is not there."""
        return self.scrape().get((f"carecli_{name}", frozenset(labels.items())))

    def health(self) -> dict[str, Any]:
        """Return what it says of itself."""
        answer: dict[str, Any] = json.loads(self.page("/healthz").text)
        return answer

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process of the command."""
        assert self.command is not None
        return self.command.process


Serve = Callable[..., Served]


@pytest.fixture
def start_exporter(carecli_start: Start) -> Callable[..., Served]:
    """Give a function that starts `carecli metrics serve` and returns when it listens."""

    def start(
        *arguments: str | Path,
        env: Mapping[str, str | None] | None = None,
        before: tuple[str, ...] = (),
    ) -> Served:
        listen = () if "--listen" in arguments else ("--listen", "127.0.0.1:0")
        command = carecli_start(*before, "metrics", "serve", *listen, *arguments, env=env)
        assert command.process.stdout is not None
        line = command.process.stdout.readline()
        if not line:
            ended = command.finish()
            pytest.fail(f"the exporter ended with {ended.returncode}: {ended.stderr}")
        return Served(line.split()[-1], command)

    return start


@pytest.fixture
def serve_here() -> Iterator[Serve]:
    """Give a function that serves a database's metrics from this process."""
    running: list[tuple[Exporter, Rounds, threading.Thread]] = []

    def serve(
        conninfo: str,
        metrics: tuple[Metric, ...] | None = None,
        *,
        limit: float = 30,
        keep: float = 0,
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> Served:
        source = DatabaseSource(conninfo, load_metrics() if metrics is None else metrics)
        rounds = Rounds(source, limit=limit, keep=keep)
        exporter = Exporter(listen, rounds)
        thread = threading.Thread(target=exporter.serve_forever, args=(0.01,))
        thread.start()
        running.append((exporter, rounds, thread))
        return Served(exporter.url)

    yield serve
    for exporter, rounds, thread in running:
        exporter.shutdown()
        thread.join()
        exporter.server_close()
        rounds.close()


def made_up(
    metrics: Iterable[Metric], measures: Mapping[str, Iterable[str]]
) -> tuple[Reading, ...]:
    """Return a sample of every measure: where there is no data, there is nothing to be seen.

    Arguments:
        metrics: the metrics.
        measures: of each, by its name.
    """
    return tuple(
        Reading(
            metric,
            metric.window,
            tuple(
                Sample(dict.fromkeys(metric.labels, "x"), measure, 0.5)
                for measure in measures[metric.name]
            ),
        )
        for metric in metrics
    )


def make_alert(name: str = "creation_success_critical", **fields: Any) -> Alert:
    """Return an alert rule as evaluated: one that is fine, but for what is said."""
    usual: dict[str, Any] = {
        "name": name, "severity": "critical", "state": "ok", "series": "",
        "metric": "creation_success_rate", "value": 0.99, "comparison": "<", "threshold": 0.85,
        "sample": 100, "minimum_sample": 20, "time_window": timedelta(minutes=10),
        "rollback_trigger": False, "action": "Page.", "unit": "share", "data_expected": False,
    }  # fmt: skip
    return Alert(**{**usual, **fields})
