"""Reports as they may turn out, made by hand: healthy, broken, empty, hostile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from carecli.alerts import Alert
from carecli.reporting.model import Card, Migration, Part, Report, Row
from carecli.reporting.plots import Limit, Line, Plot

__all__ = ["END", "HOSTILE", "REPORTS", "alert", "card", "edges", "report"]

END = datetime(2026, 11, 21, 11, 28, tzinfo=UTC)
HOSTILE = "</script></style></title><img src=x onerror=\"document.title='caught'\"> & <b>bold"
WIDE = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4

METHODS = ("getConversation", "listConversations", "markRead", "sendMessage", "startConversation")
CODES = {"server_error": 312, "validation_error": 54, "conversation_exists": 31}
RULES = (
    ("creation_success_critical", "critical", "<", 0.85, "share", ""),
    ("error_rate_critical", "critical", ">", 0.1, "share", ""),
    ("slow_call_critical", "critical", ">", 5.0, "seconds", "startConversation"),
    ("error_code_warning", "warning", ">", 0.05, "share", "server_error"),
    ("latency_warning", "warning", ">", 1.0, "seconds", "sendMessage"),
    ("adoption_info", "info", "<", 0.5, "ratio", ""),
)


def edges(slots: int = 24, step: timedelta = timedelta(hours=1)) -> tuple[datetime, ...]:
    """Return the edges of slots that end with the report."""
    return tuple(END - step * (slots - number) for number in range(slots + 1))


def alert(name: str = "error_rate_critical", **fields: Any) -> Alert:
    """Return an alert that is fine, but for what is given."""
    sound: dict[str, Any] = {
        "severity": "critical",
        "state": "ok",
        "series": "",
        "metric": "server_error_rate",
        "value": 0.004,
        "comparison": ">",
        "threshold": 0.1,
        "sample": 812,
        "minimum_sample": 20,
        "time_window": timedelta(minutes=5),
        "rollback_trigger": False,
        "action": "Page. Read the errors: carecli logs --event server_error --since 15min",
        "unit": "share",
    }
    return Alert(name=name, **{**sound, **fields})


def card(name: str = "messaging_error_rate", **fields: Any) -> Card:
    """Return a metric that is fine and has one value, but for what is given."""
    sound: dict[str, Any] = {
        "help": "Share of the calls that failed on our side.",
        "target": "< 1 %",
        "scope": "last hour",
        "verdict": "ok",
        "rows": (Row("", "", 0.004, "ratio", "ok"),),
    }
    return Card(name=name, **{**sound, **fields})


def report(**fields: Any) -> Report:
    """Return a report in which all is well, but for what is given."""
    sound: dict[str, Any] = {
        "database": "postgresql://oncall@db.example.org:5432/app",
        "server": "PostgreSQL 18.1",
        "made_at": END,
        "window": timedelta(hours=24),
        "version": "1.2.3",
        "alerts": Part(tuple(map(_rule, RULES))),
        "cards": _cards(False),
        "rollout": Part(_rollout("a week of internal use without an error")),
        "gate": Part(_gate(0.9973)),
        "migration": Part(_migration()),
    }
    return Report(**{**sound, **fields})


def _rule(rule: tuple[str, str, str, float, str, str], fires: bool = False) -> Alert:
    name, severity, comparison, threshold, unit, series = rule
    better = threshold * (1.15 if comparison == "<" else 0.3)
    worse = threshold * (0.6 if comparison == "<" else 3.9)
    return alert(
        name,
        severity=severity,
        state="firing" if fires else "ok",
        comparison=comparison,
        threshold=threshold,
        value=worse if fires else better,
        unit=unit,
        series=series,
        rollback_trigger=fires and "success" in name,
    )


def _wave(low: float, high: float, seed: int, *, gaps: bool) -> tuple[float | None, ...]:
    """Return 24 values between two, up and down; with gaps, one of them around a single value."""
    shape = [(number * 7 + seed * 5) % 12 / 11 for number in range(24)]
    missing = {3, 4, 5, 9, 11} if gaps else {15}
    return tuple(
        None if number in missing else low + (high - low) * share
        for number, share in enumerate(shape)
    )


def _cards(broken: bool) -> tuple[Card, ...]:
    return (*_shares(broken), *_latencies(broken), *_days(), *_lists())


def _shares(broken: bool) -> tuple[Card, ...]:
    verdict, value = ("breach", 0.6125) if broken else ("ok", 0.9973)
    success = Line("", _wave(0.62 if broken else 0.985, 1.0, 1, gaps=broken))
    errors = Line("", _wave(0, 0.4, 3, gaps=True) if broken else (0.0,) * 24)
    return (
        card(
            "conversation_creation_success_rate",
            target="> 99 %",
            verdict=verdict,
            rows=(Row("", "", value, "ratio", verdict), Row("", "attempts", 400, "")),
            plot=Plot("success", "success", edges(), (success,), "ratio", Limit(">", 0.99)),
        ),
        card(plot=Plot("errors", "errors", edges(), (errors,), "ratio", Limit("<", 0.01))),
    )


def _latencies(broken: bool) -> tuple[Card, ...]:
    lines = tuple(
        Line(method, _wave(0.004, (0.9 if broken else 0.3) / (5 - at), at, gaps=broken))
        for at, method in enumerate(METHODS)
    )
    return (
        card(
            "rpc_latency_seconds",
            target="p95 < 500 ms",
            verdict="breach" if broken else "ok",
            rows=tuple(
                Row(method, measure, share * (at + 1) / 20, "seconds", "ok" if share == 2 else "")
                for at, method in enumerate(METHODS)
                for measure, share in (("p50", 1), ("p95", 2), ("p99", 3))
            ),
            plot=Plot("latency", "p95", edges(), lines, "seconds", Limit("<", 0.5)),
            left_out=2,
        ),
        card(
            "rpc_max_duration_seconds",
            target="< 5 s",
            rows=(Row("sendMessage", "", 0.21, "seconds", "ok"),),
            plot=Plot("slowest", "slowest", edges(), lines[:2], "seconds", Limit("<", 5)),
        ),
    )


def _days() -> tuple[Card, ...]:
    days = edges(8, timedelta(days=1))
    begun = (
        Line("v1 conversations", (12, 10, 9, None, 4, 3, 1, 0)),
        Line("v2 conversations", (1, 3, 6, None, 14, 15, 21, 9)),
    )
    sent = Line("", (1250, 1431, 1100, None, 1980, 2044, 12310, 811))
    return (
        card(
            "v2_adoption",
            target="",
            verdict="",
            rows=tuple(
                Row(f"{21 - day} Nov", measure, day + 9, unit)
                for day in range(7)
                for measure, unit in (
                    ("v2_conversations", ""),
                    ("v1_conversations", ""),
                    ("share", "ratio"),
                )
            ),
            plot=Plot("adoption", "adoption", days, begun, "", daily=True),
        ),
        card(
            "messages_sent_v2_daily",
            target="",
            verdict="",
            rows=(Row("21 Nov", "", 811, ""),),
            plot=Plot("messages", "messages", days, (sent,), "", daily=True),
        ),
    )


def _lists() -> tuple[Card, ...]:
    return (
        card("connection_pool_used", rows=(Row("total", "share", 0.32, "ratio", "ok"),)),
        card(
            "error_distribution",
            rows=tuple(
                Row(code, measure, value, unit)
                for code, count in CODES.items()
                for measure, value, unit in (("count", count, ""), ("share", count / 812, "ratio"))
            ),
        ),
        card(
            "table_health",
            rows=tuple(
                Row(table, measure, value, unit)
                for table in ("conversations_v2", "messages_v2")
                for measure, value, unit in (("rows", 120331, ""), ("bytes", 2**27, "bytes"))
            ),
        ),
    )


def _rollout(reason: str) -> Mapping[str, Any]:
    change = {
        "changed_at": "2026-11-14T09:00:12+00:00",
        "changed_by": "Ada <ada@example.org>",
        "reason": reason,
        "old_strategy": "internal",
        "old_percentage": 0,
        "new_strategy": "percentage",
        "new_percentage": 10,
    }
    flag = {"strategy": "percentage", "percentage": 10, "problem": None, "testers": [{}, {}]}
    return {**change, **flag, "history": [change]}


def _gate(success: float | None) -> Mapping[str, Any]:
    def condition(name: str, unit: str, comparison: str, wanted: float, measured: float | None,
                  holds: bool | None) -> Mapping[str, Any]:  # fmt: skip
        return {"name": name, "unit": unit, "comparison": comparison, "threshold": wanted,
                "measured": measured, "holds": holds, "sample": 400}  # fmt: skip

    sound = None if success is None else success > 0.95
    return {
        "phase": "percentage:10",
        "next": "percentage:50",
        "since": "2026-11-14T09:00:12+00:00",
        "holds": False,
        "v1_retirable": None,
        "problem": None,
        "conditions": [
            condition("success_rate", "ratio", ">", 0.95, success, sound),
            condition("p95_seconds", "seconds", "<", 0.5, 0.33, True),
            condition("age", "seconds", ">=", 14 * 86400, 7 * 86400 + 9000, False),
        ],
    }


def _migration(**fields: Any) -> Migration:
    sound: dict[str, Any] = {
        "project": "care_collective_messaging",
        "deployed": 23,
        "last": "rollout_gates",
        "deployed_at": END - timedelta(days=3),
        "deployed_by": "Ada <ada@example.org>",
        "tag": "@v0.1.0",
        "pending": (),
        "edited": (),
        "unknown": (),
    }
    return Migration(**{**sound, **fields})


def _broken() -> Report:
    """Return a report of a bad night."""
    return report(
        alerts=Part((*(_rule(rule, fires=True) for rule in RULES[:4]), _rule(RULES[4]))),
        cards=(
            *_cards(True),
            card("connection_failures", verdict="unavailable", rows=(), problem="no such function"),
        ),
        rollout=Part(_rollout("creations fail since 03:10")),
        gate=Part(_gate(0.6125)),
        migration=Part(
            _migration(pending=(("call_rollups", "Calls counted."),), edited=("limits",))
        ),
    )


def _empty() -> Report:
    """Return a report of a database in which nothing has happened yet."""
    nothing = tuple(
        alert(rule[0], severity=rule[1], state="no data", value=None, sample=0) for rule in RULES
    )
    cards = tuple(
        card(
            one.name,
            target=one.target,
            verdict="no data",
            rows=(),
            plot=None
            if one.plot is None
            else Plot(one.name, one.name, one.plot.edges, (), one.plot.unit, daily=one.plot.daily),
        )
        for one in _cards(False)
    )
    gate = _gate(None)
    return report(alerts=Part(nothing), cards=cards, gate=Part(gate))


def _hostile() -> Report:
    """Return a report in which each text is an attack, or wider than any screen."""
    said = f"{HOSTILE} {WIDE}"
    rows = (Row(WIDE, "p50", 0.1, "seconds"), Row(HOSTILE, "p95", 0.2, "seconds", "ok"))
    lines = (Line(HOSTILE, _wave(0, 1, 1, gaps=True)), Line(WIDE, _wave(0, 1, 2, gaps=True)))
    plot = Plot("hostile", said, edges(), lines, "seconds", Limit("<", 0.5))
    return report(
        database=f"postgresql://{HOSTILE}/{WIDE}",
        server=said,
        alerts=Part((alert(WIDE, state="firing", series=HOSTILE, action=said),)),
        cards=(
            card(WIDE, help=said, target=HOSTILE, rows=rows, plot=plot),
            card("unavailable", rows=(), problem=said),
            card("error_distribution", rows=(Row(said, "count", 1, ""),)),
            card("table_health", rows=(Row(said, "rows", 1, ""),)),
        ),
        rollout=Part({**_rollout(said), "changed_by": said}),
        gate=Part(None, said, said),
        migration=Part(_migration(last=WIDE, deployed_by=said, pending=((WIDE, said),))),
    )


REPORTS = {"healthy": report(), "broken": _broken(), "empty": _empty(), "hostile": _hostile()}
"""The four of them."""
