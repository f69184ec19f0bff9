"""Tables that stay readable on a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from carecli.reporting.markup import Content, node

__all__ = ["Cell", "chip", "table"]


class Cell(NamedTuple):
    """What stands in a cell.

    Arguments:
        content: text or elements.
        class_: names for the style.
    """

    content: Content
    class_: str | None = None


def table(
    label: str,
    heading: Sequence[str],
    rows: Iterable[Sequence[Cell | Content]],
    width: str | None = None,
) -> Element:
    """Return a table whose first column names the rows.

    Arguments:
        label: what it is, for who cannot see where it stands.
        heading: names of the columns; those that begin with `#` hold numbers.
        rows: the cells.
        width: `wide` or `dense`: where there is no room for it, each row becomes a list of its
            cells; None: there always is.
    """
    names = [name.removeprefix("#") for name in heading]
    numeric = ["number" if name.startswith("#") else None for name in heading]
    head = [
        node("th", name, scope="col", role="columnheader", class_=class_)
        for name, class_ in zip(names, numeric, strict=True)
    ]
    columns = range(len(names))
    body = [
        node(
            "tr",
            (_cell(*each) for each in zip(columns, row, names, numeric, strict=True)),
            role="row",
        )
        for row in rows
    ]
    # What the style displays as a list is one for a screen reader too, but for these roles.
    return node(
        "table",
        node("thead", node("tr", head, role="row"), role="rowgroup"),
        node("tbody", body, role="rowgroup"),
        class_=width,
        role="table",
        aria_label=label,
    )


def _cell(column: int, cell: Cell | Content, name: str, numeric: str | None) -> Element:
    content, class_ = cell if isinstance(cell, Cell) else (cell, None)
    names = " ".join(filter(None, (numeric, class_))) or None
    tag, role = ("th", "rowheader") if column == 0 else ("td", "cell")
    scope = "row" if column == 0 else None
    # One element, which the style of a narrow page can put beside the column's name.
    inner = node("div", content)
    inner.tail = None
    return node(tag, inner, scope=scope, role=role, class_=names, data_label=name)


def chip(text: str, kind: str | None = None) -> Element:
    """Return a word in a frame, in the colour of its kind.

    Arguments:
        text: the word.
        kind: name for the style; default: the word itself.
    """
    return node("span", text, class_=f"chip {kind if kind is not None else text}")
