"""Tables are tables for everybody, whatever the style makes of them."""

from __future__ import annotations

import pytest

from carecli.reporting.tables import Cell, chip, table

ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}


@pytest.mark.parametrize("width", ["wide", "dense", None])
def test_roles_are_said(width: str | None) -> None:
    """A browser may forget what a table is when it is shown as a list; the markup says it again."""
    made = table("Rules", ("Rule", "#Value"), [("one", "1"), ("two", Cell("2", "breach"))], width)
    for tag, role in ROLES.items():
        assert {each.get("role") for each in made.iter(tag)} == {role}
    heads = [(each.get("role"), each.get("scope")) for each in made.iter("th")]
    assert heads == [("columnheader", "col")] * 2 + [("rowheader", "row")] * 2
    assert made.get("aria-label") == "Rules"


def test_cells_know_their_column() -> None:
    """Where the head is out of sight each cell has its name with it; numbers are marked."""
    made = table("Rules", ("Rule", "#Value"), [("one", Cell("1", "breach"))])
    assert [each.get("data-label") for each in made.iter("td")] == ["Value"]
    assert [each.get("class") for each in made.iter("td")] == ["number breach"]
    assert [each.get("class") for each in made.iter("th")] == [None, "number", None]


def test_row_has_a_cell_for_each_column() -> None:
    """A row that has too few is a fault of the program, not a shifted table."""
    with pytest.raises(ValueError, match="argument"):
        table("Rules", ("Rule", "Value"), [("one",)])


def test_chip_has_its_word_and_its_kind() -> None:
    """The colour is never all that tells."""
    assert (chip("firing", "critical").text, chip("ok").get("class")) == ("firing", "chip ok")
