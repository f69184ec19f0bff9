"""The headers of metrics."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.errors import InvalidUsage, SourceError
from carecli.monitoring import Target, chosen_metrics, load_metrics, parse_metric
from tests.plugins.metrics import HEADER, make_metric

WINDOW = "select %(window)s, %(until)s\n"


def test_every_shipped_metric_has_a_sound_header() -> None:
    """The folder is read as it is; each file is a metric of the file's name."""
    names = [metric.name for metric in load_metrics()]
    assert names == sorted(names)
    assert {"v2_adoption", "v2_with_initial_message", "connection_pool_used"} <= set(names)


def test_new_file_is_a_new_metric(tmp_path: Path) -> None:
    """Nothing but the file is needed."""
    (tmp_path / "probe.sql").write_text(f"{HEADER}select 1 as value;\n", encoding="utf-8")
    (found,) = load_metrics(tmp_path)
    assert (found.name, found.query, found.target) == ("probe", "select 1 as value", None)


def test_header_is_read() -> None:
    """Labels and targets are parted by commas; the window is a length of time."""
    found = make_metric(
        WINDOW, labels="method, code", window="7 days", target="p95 < 0.5, calls > 1"
    )
    assert found.labels == ("method", "code")
    assert (found.window, found.scope) == (timedelta(days=7), "7 days")
    assert found.target == "p95 < 0.5, calls > 1"
    assert found.targets == (Target("p95", "<", 0.5), Target("calls", ">", 1))
    assert found.target_of("p95") == Target("p95", "<", 0.5)
    assert found.target_of("p99") is None


@pytest.mark.parametrize(
    ("labels", "window", "expected"),
    [("day", "7 days", True), ("day, code", "7 days", True), ("code", "7 days", False)],
)
def test_metric_by_day_is_known_by_its_label(labels: str, window: str, expected: bool) -> None:
    """Its series are a course already."""
    assert make_metric(WINDOW, labels=labels, window=window).by_day == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEADER.replace("-- unit: things\n", ""), 7, "says nothing of 'unit'"),
        (HEADER.replace("Something.", ""), 2, "says nothing of 'help'"),
        (HEADER + "-- owner: me\n", 8, "'owner' is unknown"),
        (HEADER + "-- unit: things\n", 8, "'unit' is there twice"),
        (HEADER.replace("probe", "other"), 1, "not named as its file"),
        (HEADER.replace("gauge", "histogram"), 4, "no type of metric"),
        (HEADER.replace("now", "a while"), 6, "not a length of time"),
        (HEADER.replace("now", "7 days"), 6, "do not agree"),
        (HEADER.replace("now", "7 days") + "select %(window)s\n", 6, "do not agree"),
        (HEADER.replace("now", "7 days") + "select %(until)s\n", 6, "do not agree"),
        (HEADER + WINDOW, 6, "do not agree"),
        (HEADER + "select %(until)s\n", 6, "do not agree"),
        (HEADER.replace("target:", "target: by rollout"), 7, "is no target"),
    ],
)
def test_fault_in_a_header_is_shown_with_its_line(text: str, line: int, message: str) -> None:
    """The error says file, line, and what would be right."""
    with pytest.raises(SourceError) as caught:
        parse_metric(text, Path("sql/metrics/probe.sql"))
    assert caught.value.line == line
    assert caught.value.message.startswith(f"sql/metrics/probe.sql:{line}: ")
    assert message in caught.value.message
    assert caught.value.hint


@given(st.lists(st.sampled_from([*HEADER.splitlines(), "--", "-- x", "select 1", "-- a: b"]) |
                st.text(max_size=30)))  # fmt: skip
def test_whatever_a_file_says_is_a_metric_or_a_fault_of_it(lines: list[str]) -> None:
    """Nothing else comes out of it."""
    with suppress(SourceError):
        assert parse_metric("\n".join(lines), Path("probe.sql")).name == "probe"


def test_unknown_metric_is_refused_with_near_names() -> None:
    """A slip of the pen gets a proposal."""
    with pytest.raises(InvalidUsage) as caught:
        chosen_metrics(load_metrics(), ["v2_adoptoin"])
    assert "v2_adoption" in (caught.value.hint or "")


def test_chosen_metrics_keep_their_order() -> None:
    """A name that is given twice is one metric."""
    chosen = chosen_metrics(load_metrics(), ["v2_adoption", "table_health", "v2_adoption"])
    assert [metric.name for metric in chosen] == ["v2_adoption", "table_health"]
