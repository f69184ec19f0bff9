"""The overview as lines of text: for a terminal of some width, or for a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from carecli.commands._overview import Row, View, advice, clean, headline
from carecli.monitoring.sparkline import draw, drawable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Piece", "heading_lines", "print_view", "slots_for", "table_lines"]

_COLOURS = {"ok": "green", "breach": "red", "no data": "yellow", "unavailable": "yellow"}
_CODES = ("green", "yellow", "red", "yellow")
_SEVERITIES = {"CRITICAL": "red", "WARNING": "yellow", "INFO": "cyan"}
_WIDE = 110
_SLOTS, _FEW_SLOTS = 24, 12
_NAME = 36  # characters in which the longest names of metrics can be told apart
# From the widest table to the narrowest; a label of what is measured comes first in each.
_TABLES = (
    ("value", "unit", "target", "verdict", "window", "trend"),
    ("value", "target", "verdict", "window", "trend"),
    ("value", "target", "verdict", "trend"),
    ("value", "target", "verdict"),
    ("value", "verdict"),
)


class Piece(NamedTuple):
    """A part of a line.

    Arguments:
        text: what it says.
        colour: name of its colour, or None for the terminal's own.
        bold: whether it is to stand out.
    """

    text: str
    colour: str | None = None
    bold: bool = False


Line = list[Piece]


def slots_for(width: int | None) -> int:
    """Return how many characters a course gets.

    Arguments:
        width: of the terminal in characters; None where there is none.
    """
    return _SLOTS if width is None or width >= _WIDE else _FEW_SLOTS


def print_view(view: View, width: int | None) -> None:
    """Print the overview on stdout.

    Arguments:
        view: what was read.
        width: of the terminal in characters; None where stdout is none.
    """
    blocks = drawable(getattr(sys.stdout, "encoding", None))
    lines = [*heading_lines(view, width), *table_lines(view.rows, width, blocks=blocks)]
    for line in lines:
        click.echo("".join(map(_styled, line)))


def _styled(piece: Piece) -> str:
    if piece.colour is None and not piece.bold:
        return piece.text
    return click.style(piece.text, fg=piece.colour, bold=piece.bold or None)


def heading_lines(view: View, width: int | None) -> list[Line]:
    """Return how messaging is, each rule that fires with what to do, and an empty line.

    Arguments:
        view: what was read; nothing is said of rules that were not asked for.
        width: in characters that a line may take; None for any.
    """
    if not view.judged:
        return []
    code, words = headline(view)
    lines = [[Piece(part, _CODES[code], bold=True)] for part in _wrapped(words, width, "")]
    for text in advice(view.alerts or ()):
        severity, blank, rest = text.partition(" ")
        colour = _SEVERITIES.get(severity)
        if colour is None:
            lines += [[Piece(part)] for part in _wrapped(text, width, " " * 4)]
            continue
        first, *others = _wrapped(f"{severity}{blank}{rest}", width, " " * 4)
        lines.append([Piece(severity, colour, bold=True), Piece(first[len(severity) :])])
        lines += [[Piece(part)] for part in others]
    return [*lines, []]


def table_lines(rows: Sequence[Row], width: int | None, *, blocks: bool) -> list[Line]:
    """Return the heading of the table and a line for each row.

    Arguments:
        rows: what to show.
        width: in characters that a line may take; None: every column, as wide as it needs, with
            the metric's name in each line, so that a program can find it.
        blocks: whether a course can be drawn with blocks.
    """
    cells = [_cells(row, blocks) for row in rows]
    if width is None:
        columns: tuple[str, ...] = ("metric", "series", *_TABLES[0])
        widths = {name: _longest(cells, name) for name in columns}
    else:
        for number, row in enumerate(rows):
            known = number > 0 and rows[number - 1].metric == row.metric
            label = f"  {row.series}" if known else f"{row.metric} {row.series}".rstrip()
            cells[number]["metric"] = label
        columns, widths = _fitting(cells, width)
    gap = "  " if width is None or sum(widths.values()) + 2 * len(widths) <= width + 2 else " "
    heading = {name: name for name in columns}
    lines = [_trimmed([Piece(text, bold=True) for text in _padded(heading, columns, widths, gap)])]
    for row, texts in zip(rows, cells, strict=True):
        colour = _COLOURS.get(row.verdict)
        padded = _padded(texts, columns, widths, gap)
        line = [
            Piece(text, colour if name in ("value", "verdict") else None)
            for name, text in zip(columns, padded, strict=True)
        ]
        lines.append(_trimmed(line))
    return lines


def _cells(row: Row, blocks: bool) -> dict[str, str]:
    texts = {name: clean(str(getattr(row, name))) for name in ("metric", "series", *_TABLES[0])}
    return texts | {"trend": draw(row.trend, blocks=blocks)}


def _longest(cells: Sequence[dict[str, str]], name: str) -> int:
    return max([len(name), *(len(texts[name]) for texts in cells)])


def _fitting(cells: Sequence[dict[str, str]], width: int) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the columns of the widest table that the width has room for, and their widths."""
    wanted = _longest(cells, "metric")
    name = min(wanted, _NAME)
    # The course goes before the end of a long label, the label before units and windows.
    attempts = [*((table, wanted) for table in _TABLES[:3]), *((t, name) for t in _TABLES[2:])]
    for table, least in [*attempts, (_TABLES[-1], 0)]:
        widths = {column: _longest(cells, column) for column in table}
        left = width - sum(widths.values()) - len(widths)
        if left >= least:
            break
    return ("metric", *table), {"metric": min(max(left, 1), wanted), **widths}


def _padded(
    texts: dict[str, str], columns: Sequence[str], widths: dict[str, int], gap: str
) -> Iterator[str]:
    for number, name in enumerate(columns):
        text, wide = texts[name], widths[name]
        if len(text) > wide:
            text = f"{text[: wide - 1]}~"
        pad: Callable[[int], str] = text.rjust if name == "value" else text.ljust
        yield (gap if number else "") + pad(wide)


def _trimmed(line: Line) -> Line:
    """Return a line without blanks at its end."""
    line = list(line)
    while line and not line[-1].text.strip():
        line.pop()
    if line:
        line[-1] = line[-1]._replace(text=line[-1].text.rstrip())
    return line


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    import textwrap

    if width is None:
        return [clean(text)]
    lead = text[: len(text) - len(text.lstrip())]
    room = max(width, len(indent) + 20)
    text = clean(text.strip())
    return textwrap.wrap(text, room, initial_indent=lead, subsequent_indent=indent) or [""]
