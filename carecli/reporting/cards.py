"""Metrics on the page: all in one table, then a card for each, with its plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from carecli.reporting.drawing import draw
from carecli.reporting.figures import NO_DATA, length, shown, sign
from carecli.reporting.markup import Content, breakable, node
from carecli.reporting.model import Card, Row
from carecli.reporting.plots import Plot, shows_limit
from carecli.reporting.tables import Cell, chip, table

__all__ = ["card", "glance"]

_MOST_ROWS = 12
_MOST_COLUMNS = 2


def glance(cards: Iterable[Card]) -> Element:
    """Return the table of all metrics: the value that decides, the target, the verdict."""
    heading = ("Metric", "#Value", "Target", "Verdict", "Looks back on")
    return table("Metrics", heading, map(_summary, cards), width="wide")


def _summary(one: Card) -> Sequence[Cell | Content]:
    """Return what is told of a metric in one line."""
    link = node("a", breakable(one.name), href=f"#metric-{one.name}")
    link.tail = None
    verdict = chip(one.verdict) if one.verdict else None
    row = _deciding(one)
    known = [row for row in one.rows if row.value is not None]
    if one.problem is not None or not known:
        value = Cell(None if one.problem is not None else NO_DATA)
    elif row is None:
        value = Cell(f"{len(known)} values")
    else:
        value = _number(row)
    of = (
        node("span", breakable(row.series), class_="of") if row is not None and row.series else None
    )
    return ([link, of], value, one.target or None, verdict, one.scope)


def _deciding(one: Card) -> Row | None:
    """Return the value that the verdict is about, or None where that is none or several."""
    judged = [row for row in one.rows if row.verdict and row.value is not None]
    if not judged:
        known = [row for row in one.rows if row.value is not None]
        return known[0] if len(known) == 1 else None
    breached = [row for row in judged if row.verdict == "breach"]
    pick = min if ">" in one.target else max
    return pick(breached or judged, key=lambda row: row.value or 0)


def card(one: Card) -> Element:
    """Return the card of one metric."""
    return node(
        "section",
        node(
            "div",
            node("h3", breakable(one.name), id=f"metric-{one.name}-heading"),
            chip(one.verdict) if one.verdict else None,
            class_="head",
        ),
        node("p", one.help, class_="help"),
        _plot(one),
        _values(one),
        class_="card",
        id=f"metric-{one.name}",
        aria_labelledby=f"metric-{one.name}-heading",
    )


def _plot(one: Card) -> Content:
    if one.problem is not None:
        return node("p", f"Could not be measured: {one.problem}", class_="none said")
    if one.plot is None:
        return None
    drawn = draw(one.plot)
    if drawn is None:
        over = length(one.plot.edges[-1] - one.plot.edges[0])
        return node(
            "p", f"No data in {'these ' if one.plot.daily else 'the last '}{over}.", class_="none"
        )
    return node("figure", drawn, _legend(one.plot, one.left_out))


def _legend(plot: Plot, left_out: int) -> Element | None:
    """Return what the lines are, the target among them; None where that goes without saying."""
    items = [
        node("li", _swatch(plot, number), line.name)
        for number, line in enumerate(plot.lines, start=1)
        if line.name
    ]
    if plot.limit is not None:
        limit = shown(plot.limit.threshold, plot.unit)
        text = f"target {sign(plot.limit.comparison)} {limit}"
        if shows_limit(plot):
            items.append(node("li", _picture("path", "target", d="M0,4H22"), text))
        else:
            items.append(node("li", f"{text}, above what is drawn"))
    if left_out:
        items.append(node("li", f"and {left_out} more, in the table only"))
    return node("ul", items, class_="legend") if items else None


def _swatch(plot: Plot, number: int) -> Element:
    if plot.daily:
        return _picture("rect", f"bar s{number}", x="0", y="0", width="22", height="8")
    return _picture("path", f"line s{number}", d="M0,4H22")


def _picture(tag: str, name: str, **attributes: str) -> Element:
    inner = node(tag, class_=name, **attributes)
    made = node("svg", inner, class_="swatch", viewBox="0 0 22 8", aria_hidden="true")
    made.tail = None
    return made


def _values(one: Card) -> Content:
    """Return the values at the end of the window: a row a series, a column a measure."""
    if one.problem is not None:
        return None
    if not one.rows:
        return node("p", one.scope, node("strong", NO_DATA), class_="now")
    names = list(dict.fromkeys(row.series for row in one.rows))
    if len(one.rows) == 1 and names == [""]:
        value, class_ = _number(one.rows[0])
        return node("p", one.scope, node("strong", value, class_=class_), class_="now")
    if names == [""]:
        rows = [(row.measure.replace("_", " ") or "value", _number(row)) for row in one.rows]
        return table(one.name, ("Measure", f"#{one.scope}"), rows)
    return [_by_series(one, names[:_MOST_ROWS]), _rest(one, len(names) - _MOST_ROWS)]


def _by_series(one: Card, names: Sequence[str]) -> Element:
    measures = list(dict.fromkeys(row.measure for row in one.rows))
    cells = {(row.series, row.measure): _number(row) for row in one.rows}
    heading = (one.scope, *(f"#{measure.replace('_', ' ') or 'value'}" for measure in measures))
    rows = [
        (breakable(name), *(cells.get((name, measure)) for measure in measures)) for name in names
    ]
    return table(one.name, heading, rows, width="dense" if len(measures) > _MOST_COLUMNS else None)


def _number(row: Row) -> Cell:
    return Cell(shown(row.value, row.unit), "breach" if row.verdict == "breach" else None)


def _rest(one: Card, more: int) -> Element | None:
    if more <= 0:
        return None
    command = node("code", f"carecli metrics --metric {one.name}")
    return node("p", f"and {more} more: ", command, class_="quiet")
