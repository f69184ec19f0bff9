"""Places of the server's errors in the script's file."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.script import Batch, Location, parse_script
from tests.plugins.databases import TestDatabase

PATH = Path("deploy/x.sql")


def only_batch(text: str, **variables: str) -> Batch:
    (batch,) = parse_script(text, path=PATH, variables=variables).batches()
    return batch


def position(batch: Batch, text: str) -> int:
    return batch.sql.index(text) + 1


def test_place_in_a_later_statement() -> None:
    """A position in the batch is mapped to its line and column in the file."""
    batch = only_batch("-- x\nbegin;\nselect 1;\n\n  select 2,\n\t oops;\ncommit;")
    found = batch.locate(0, position(batch, "oops"))
    assert found == Location(PATH, 6, 3, "\t oops;")


def test_place_without_position() -> None:
    """Without a position the statement that failed is the place."""
    batch = only_batch("select 1;\n /* a */ select 2;\nselect 3;")
    assert batch.locate(1) == Location(PATH, 2, 10, " /* a */ select 2;")
    assert batch.locate(9).line == 3


@pytest.mark.parametrize("value", ["", "1", "a long value, a * 2 \n + 3"])
def test_place_behind_a_variable(value: str) -> None:
    """A value of any length leaves the places behind it where they are in the file."""
    batch = only_batch("select :x, :'x', :{?x}, oops;", x=value)
    assert batch.locate(0, position(batch, "oops")).column == 25


def test_place_in_a_variable() -> None:
    """A place within a value is the place of the variable."""
    batch = only_batch("select 1,\n  :x, 2;", x="a + oops")
    assert batch.locate(0, position(batch, "oops")) == Location(PATH, 2, 3, "  :x, 2;")
    batch = only_batch("select :a;", a="1 + :b", b="oops")
    assert batch.locate(0, position(batch, "oops")).column == 8


def test_place_after_a_metacommand() -> None:
    """Lines that are not sent count in the file all the same."""
    batch = only_batch("select 1,\n\\set x 1\n\\set y 2\n :x, oops;")
    assert batch.locate(0, position(batch, "oops")) == Location(PATH, 4, 6, " :x, oops;")


def test_place_with_characters_beyond_ascii() -> None:
    """Places count characters, whatever their length in bytes."""
    batch = only_batch("\ufeffselect 'é€😀', oops;\r\n")
    assert batch.locate(0, position(batch, "oops")) == Location(PATH, 1, 15, "select 'é€😀', oops;")


def test_place_at_the_end() -> None:
    """An error at the end of the input is behind the last character."""
    batch = only_batch("select 1;\nselect (1) +")
    assert batch.locate(0, len(batch.sql) + 1) == Location(PATH, 2, 13, "select (1) +")


def test_place_of_a_semicolon() -> None:
    """The last character of a statement belongs to it, however far away the next one is."""
    batch = only_batch("select 1 +;\n\n-- x\n  select 2;")
    assert batch.locate(0, position(batch, ";")) == Location(PATH, 1, 11, "select 1 +;")


@given(st.lists(st.sampled_from(["select é", " :x", "\n", "; ", "/* c */", "'q'", "1"])), st.data())
def test_every_place_is_the_character_itself(parts: list[str], data: st.DataObject) -> None:
    """Whatever the server points at, but for values, is the same character in the file."""
    text = "".join(parts)
    for batch in parse_script(text, path=PATH, variables={"x": "§§§"}).batches():
        index = data.draw(st.integers(0, len(batch.sql) - 1))
        char = batch.sql[index]
        place = batch.locate(0, index + 1)
        if char == "§":
            assert place.source_line[place.column - 1 :].startswith(":x")
        elif char != "\n":
            assert place.source_line[place.column - 1] == char


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\nselect 'é',\n  nowhere;",
        "select :x;\nselect :'y',\n  nowhere;",
        "select :x;\nselect 2 +\n  :oops;",
        "select 1;\nselect\n  1 1 nowhere; select 2;",
    ],
)
def test_place_of_a_real_error(text: str, empty_database: TestDatabase) -> None:
    """The server's own position leads to the line in the file."""
    batch = only_batch(text, x="1,\n2", y="a\\b", oops="nowhere")
    with pytest.raises(psycopg.Error) as caught, empty_database.connect() as connection:
        connection.execute(batch.sql.encode())
    assert caught.value.diag.statement_position is not None
    place = batch.locate(1, int(caught.value.diag.statement_position))
    assert (place.line, place.column) == (3, 5 if "1 1" in text else 3)
