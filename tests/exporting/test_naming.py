"""Names of measures in Prometheus."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carecli.exporting.naming import name_measure
from tests.plugins.metrics import make_metric


@pytest.mark.parametrize(
    ("metric", "unit", "measure", "expected", "factor"),
    [
        ("creation_success_rate", "ratio", "value", "creation_success_rate", 1),
        ("send_latency_p95", "seconds", "value", "send_latency_p95_seconds", 1),
        ("oldest_transaction_seconds", "seconds", "value", "oldest_transaction_seconds", 1),
        ("rpc_latency_seconds", "seconds", "p95", "rpc_latency_p95_seconds", 1),
        ("rpc_latency_seconds", "seconds", "calls", "rpc_latency_calls", 1),
        ("rpc_latency", "milliseconds", "max", "rpc_latency_max_seconds", 0.001),
        ("rpc_latency", "things", "p95_ms", "rpc_latency_p95_seconds", 0.001),
        ("conversations_total", "conversations", "value", "conversations", 1),
        ("conversations", "conversations", "total", "conversations_conversations", 1),
        ("error_distribution", "calls", "count", "error_distribution_calls", 1),
        ("error_distribution", "calls", "share", "error_distribution_share", 1),
        ("v2_with_message", "conversations", "percent", "v2_with_message_ratio", 0.01),
        ("table_health", "rows and bytes", "bytes", "table_health_bytes", 1),
        ("table_health", "rows and bytes", "dead_rows", "table_health_dead_rows", 1),
    ],
)
def test_name_has_metric_measure_and_unit(
    metric: str, unit: str, measure: str, expected: str, factor: float
) -> None:
    """The unit stands last, is a base unit, and no gauge ends as a counter does."""
    found = make_metric("select 1 as value", metric, unit=unit)
    name = name_measure(found, measure)
    assert (name.sample, name.factor) == (f"carecli_{expected}", factor)


@pytest.mark.parametrize(("metric", "measure"), [("calls_total", "value"), ("calls", "total")])
def test_counter_ends_in_total(metric: str, measure: str) -> None:
    """Whether the file says so or not, and once."""
    found = make_metric("select 1 as value", metric, type="counter", unit="calls")
    assert name_measure(found, measure).sample.count("_total") == 1
    assert name_measure(found, measure).sample.endswith("_total")
    assert "_total" not in name_measure(replace(found, type="gauge"), measure).sample
