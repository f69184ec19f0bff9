"""The sections of the page, each from its part of the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from carecli.reporting.cards import card, glance
from carecli.reporting.drawing import share_bar
from carecli.reporting.figures import NO_DATA, length, moment, shown, sign
from carecli.reporting.markup import Content, breakable, node
from carecli.reporting.model import ERRORS, TABLES, Card, Part, Report
from carecli.reporting.tables import chip, table
from carecli.reporting.units import unit_of
from carecli.reporting.verdict import Verdict

if TYPE_CHECKING:
    from carecli.alerts import Alert

__all__ = ["alerts", "errors", "metrics", "migrations", "rollout", "summary", "tables"]

_MOST_TEXT = 600


def summary(found: Verdict) -> Element:
    """Return the verdict, what fires and what to do about it."""
    return node(
        "div",
        node(
            "div",
            node("h2", found.headline),
            node("p", found.because),
            class_=f"verdict {found.kind}",
            role="status",
        ),
        node("ul", map(_firing, found.firing), class_="fires") if found.firing else None,
        _remarks(found.remarks),
    )


def _remarks(remarks: Iterable[str]) -> Element | None:
    items = [node("li", text, class_="said") for text in remarks]
    if not items:
        return None
    return node("div", node("h3", "Look at this too"), node("ul", items), class_="card also")


def _firing(alert: Alert) -> Element:
    return node(
        "li",
        node("div", node("h3", breakable(alert.name)), chip(alert.severity), class_="head"),
        node("p", _measured(alert)),
        node("p", alert.action, class_="do said"),
        node("p", "This alert is a trigger for turning V2 off.", class_="quiet")
        if alert.rollback_trigger
        else None,
        class_=alert.severity,
    )


def _measured(alert: Alert) -> str:
    """Return what was measured, beside the threshold, in words."""
    series = f"{alert.series}: " if alert.series else ""
    found = shown(alert.value, unit_of(alert.unit))
    return (
        f"{series}{found} over {length(alert.time_window)}, sample {alert.sample:,}; "
        f"fires {_limit(alert)}"
    )


def _limit(alert: Alert) -> str:
    side = "below" if alert.comparison == "<" else "above"
    return f"{side} {shown(alert.threshold, unit_of(alert.unit))}"


def alerts(report: Report) -> Iterator[Element]:
    """Give the table of all rules."""
    if report.alerts.found is None:
        yield _missing(report.alerts)
        return
    heading = ("Rule", "State", "Severity", "#Value", "Fires", "#Sample (needed)")
    rows = map(_rule, report.alerts.found)
    yield node("div", table("Alert rules", heading, rows, width="wide"), class_="card")


def _rule(alert: Alert) -> Sequence[Content]:
    return (
        [
            breakable(alert.name),
            node("span", breakable(alert.series), class_="of") if alert.series else None,
        ],
        chip(alert.state, alert.severity if alert.state == "firing" else alert.state),
        alert.severity,
        shown(alert.value, unit_of(alert.unit)),
        f"{_limit(alert)} over {length(alert.time_window)}",
        f"{alert.sample:,} ({alert.minimum_sample:,})",
    )


def metrics(report: Report) -> Iterator[Element]:
    """Give the table of the metrics, and their cards: with plots first."""
    shown_here = [one for one in report.cards if one.name not in (ERRORS, TABLES)]
    yield node("div", glance(shown_here), class_="card")
    plotted = sorted((one for one in shown_here if one.plot is not None), key=_place)
    others = sorted((one for one in shown_here if one.plot is None), key=_place)
    for group in (plotted, others):
        if group:
            grid = node("div", (card(one) for one in group), class_="grid")
            yield grid


def _place(one: Card) -> tuple[bool, bool, bool, int, str]:
    """Return what cards are ordered by: what is off target first, what has no data last."""
    plot = one.plot
    if plot is None:
        return (one.verdict != "breach", not one.rows, False, len(one.rows), one.name)
    return (one.verdict != "breach", not plot.known, plot.daily, 0, one.name)


def errors(report: Report) -> Iterator[Element]:
    """Give the error codes, the most frequent first."""
    found = _card(report, ERRORS)
    if found is None or found.problem is not None or not found.rows:
        yield _nothing(found, "No error in {scope}, or no call at all.")
        return
    counts = {row.series: row.value for row in found.rows if row.unit != "ratio"}
    shares = {row.series: row.value for row in found.rows if row.unit == "ratio"}
    codes = sorted(counts, key=lambda code: (-(counts[code] or 0), code))
    rows = [
        (
            breakable(code),
            shown(counts[code], ""),
            shown(shares.get(code), "ratio"),
            share_bar(shares.get(code) or 0),
        )
        for code in codes
    ]
    yield node(
        "div",
        node("p", f"{found.help} ({found.scope})", class_="help"),
        table("Errors by code", ("Code", "#Calls", "#Share", "Of all"), rows),
        class_="card",
    )


def tables(report: Report) -> Iterator[Element]:
    """Give the health of the tables: a row each, a column for each measure."""
    found = _card(report, TABLES)
    if found is None or found.problem is not None or not found.rows:
        yield _nothing(found, "No table of V2 is there.")
        return
    measures = list(dict.fromkeys(row.measure for row in found.rows))
    names = list(dict.fromkeys(row.series for row in found.rows))
    values = {(row.series, row.measure): shown(row.value, row.unit) for row in found.rows}
    heading = ("Table", *(f"#{measure.replace('_', ' ')}" for measure in measures))
    rows = [
        (breakable(name), *(values.get((name, measure), "") for measure in measures))
        for name in names
    ]
    yield node(
        "div",
        node("p", found.help, class_="help"),
        table("Health of the tables", heading, rows, width="wide"),
        class_="card",
    )


def _card(report: Report, name: str) -> Card | None:
    return next((one for one in report.cards if one.name == name), None)


def _nothing(found: Card | None, text: str) -> Element:
    if found is not None and found.problem is None:
        words = text.format(scope=f"the {found.scope}")
    else:
        why = "there is no such metric" if found is None else found.problem
        words = f"Could not be measured: {why}"
    return node("p", words, class_="none said card")


def _missing(part: Part[Any], title: str | None = None) -> Element:
    return node(
        "div",
        node("h3", title) if title else None,
        node("p", f"Not available: {part.problem}.", class_="said"),
        node("p", part.hint, class_="quiet said") if part.hint else None,
        class_="card",
    )


def rollout(report: Report) -> Iterator[Element]:
    """Give the flag, the gate of the next phase, and the history."""
    found = report.rollout.found
    if found is None:
        yield _missing(report.rollout)
        return
    facts: list[tuple[str, Content]] = [("Who begins in V2", _strategy(found, ""))]
    if found.get("changed_at"):
        facts.append(("Changed", f"{_time(found['changed_at'])} by {_text(found['changed_by'])}"))
        facts.append(("Reason", node("span", _text(found["reason"]), class_="said")))
    facts.append(("Testers", str(len(found.get("testers") or ()))))
    if found.get("problem"):
        facts.append(("Problem", f"{found['problem']}; V2 is off"))
    history = [
        (
            _time(change["changed_at"]),
            f"{_strategy(change, 'old_')} \N{RIGHTWARDS ARROW} {_strategy(change, 'new_')}",
            _text(change["changed_by"]),
            node("span", _text(change["reason"]), class_="said"),
        )
        for change in found.get("history") or ()
    ]
    yield node(
        "div",
        node("div", _facts(facts), class_="card"),
        _gate(report.gate),
        node(
            "div",
            node("h3", "History"),
            table("History of the flag", ("When", "Change", "By", "Reason"), history, width="wide"),
            class_="card",
        )
        if history
        else None,
        class_="stack",
    )


def _gate(part: Part[Mapping[str, Any]]) -> Element:
    """Return what the next phase waits for."""
    found = part.found
    if found is None:
        return _missing(part, "Gate of the next phase")
    following, holds = found.get("next"), bool(found.get("holds"))
    title = f"Gate to {following}" if following else "Gate of the last phase"
    facts: list[tuple[str, Content]] = [("Phase", str(found.get("phase")))]
    if found.get("since"):
        facts.append(("Since", _time(str(found["since"]))))
    if found.get("v1_retirable") is not None:
        facts.append(("V1", "ready to retire" if found["v1_retirable"] else "not ready to retire"))
    if found.get("problem"):
        facts.append(("Problem", str(found["problem"])))
    conditions = [_condition(condition) for condition in found.get("conditions") or ()]
    heading = ("Condition", "State", "#Measured", "Wanted", "#Sample")
    state = ("holds" if conditions else "asks nothing") if holds else "does not hold"
    return node(
        "div",
        node(
            "div",
            node("h3", title),
            chip(state, "holds" if holds else "waits"),
            class_="head",
        ),
        _facts(facts),
        table("Conditions", heading, conditions, width="wide") if conditions else None,
        class_="card",
    )


def _condition(condition: Mapping[str, Any]) -> Sequence[Content]:
    name, holds, sample = str(condition["name"]), condition.get("holds"), condition.get("sample")
    states = {True: ("holds", "holds"), False: ("does not hold", "fails"), None: (NO_DATA, "")}
    if name == "age":
        states[False] = ("not yet", "waits")
    as_words = _age if name == "age" else partial(shown, unit=unit_of(str(condition.get("unit"))))
    return (
        name.removesuffix("_seconds").replace("_", " "),
        chip(*states[holds]),
        as_words(condition.get("measured")),
        f"{sign(condition['comparison'])} {as_words(condition['threshold'])}",
        None if sample is None else f"{sample:,}",
    )


def _age(seconds: float | None) -> str:
    """Return how long a phase lasts, in days and hours."""
    if seconds is None:
        return NO_DATA
    days, hours = divmod(int(abs(seconds) // 3600), 24)
    # Below zero where the clock was set back since.
    return f"{'-' if seconds < 0 else ''}{days} d {hours} h".removesuffix(" 0 h")


def migrations(report: Report) -> Iterator[Element]:
    """Give how the database stands to the plan."""
    found = report.migration.found
    if found is None:
        yield _missing(report.migration)
        return
    facts: list[tuple[str, Content]] = [
        ("Project", found.project),
        ("Deployed", f"{found.deployed:,} changes" if found.deployed else "nothing"),
    ]
    if found.last:
        facts.append(("Last change", found.last))
    if found.deployed_at is not None:
        facts.append(("Deployed at", f"{moment(found.deployed_at)} by {_text(found.deployed_by)}"))
    facts.append(("Tag", found.tag or "none"))
    facts.append(("Pending", str(len(found.pending)) if found.pending else "nothing"))
    if found.edited:
        facts.append(("Edited since", ", ".join(found.edited)))
    if found.unknown:
        facts.append(("Not in the plan", ", ".join(found.unknown)))
    yield node(
        "div",
        _facts(facts),
        table("Pending changes", ("Pending change", "What it does"), found.pending, width="wide")
        if found.pending
        else None,
        class_="card",
    )


def _facts(facts: Iterable[tuple[str, Content]]) -> Element:
    items = [[node("dt", name), node("dd", content)] for name, content in facts]
    return node("dl", items, class_="facts")


def _strategy(state: Mapping[str, Any], prefix: str) -> str:
    from carecli.rollout import shown as strategy

    return strategy(state, prefix)


def _text(text: object) -> str:
    """Return what somebody wrote, cut where it goes on for pages."""
    words = str(text)
    return words if len(words) <= _MOST_TEXT else f"{words[:_MOST_TEXT]} \N{HORIZONTAL ELLIPSIS}"


def _time(text: str) -> str:
    return moment(datetime.fromisoformat(text))
