"""Numbers, times and lengths of time as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from carecli.reporting.figures import length, moment, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ratio", "no data"),
        (0, "ratio", "0 %"),
        (0.0, "seconds", "0 ms"),
        (1, "ratio", "100 %"),
        (0.9973, "ratio", "99.73 %"),
        (0.99999, "ratio", "> 99.99 %"),
        (0.00001, "ratio", "< 0.01 %"),
        (1.25, "ratio", "125 %"),
        (100, "percent", "100 %"),
        (0.0004, "seconds", "0.4 ms"),
        (0.2127, "seconds", "213 ms"),
        (0.00506, "seconds", "5.06 ms"),
        (1.5, "seconds", "1.5 s"),
        (300, "seconds", "5 min"),
        (7200, "seconds", "2 h"),
        (7 * 86400, "seconds", "7 d"),
        (512, "bytes", "512 B"),
        (3_900_000, "bytes", "3.72 MiB"),
        (0, "", "0"),
        (12345, "", "12,345"),
        (12345.678, "", "12,346"),
        (400.0, "", "400"),
        (2.5, "", "2.5"),
        (0.00012345, "", "0.0001234"),
    ],
)
def test_number(value: float | None, unit: str, text: str) -> None:
    """Each unit has its scale; nearly all is not all, next to nothing is not nothing."""
    assert shown(value, unit) == (
        text if value is None else text.replace(" ", "\N{NO-BREAK SPACE}")
    )


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=7), "7 days"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=45), "45 seconds"),
        (timedelta(seconds=1.5), "1.5 seconds"),
    ],
)
def test_length(window: timedelta, text: str) -> None:
    """A window is told in whole numbers where it can be."""
    assert length(window) == text


def test_moment_is_in_utc() -> None:
    """Wherever the server is."""
    time = datetime(2026, 11, 21, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert moment(time) == "2026-11-20 20:00 UTC"
    assert moment(time.astimezone(UTC)) == moment(time)
