"""The workflow commands of a report, read as the runner of GitHub Actions reads them."""

from __future__ import annotations

import re
from typing import NamedTuple

from carecli.formats import render
from carecli.verification import Report

COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<message>.*)", re.DOTALL)
PROPERTY = re.compile(r"(?P<name>file|line|col|endColumn|endLine|title)=(?P<value>[^:,]+)")
ESCAPE = re.compile(r"%(..)")
DATA = {"25": "%", "0D": "\r", "0A": "\n"}
VALUES = DATA | {"3A": ":", "2C": ","}


class Command(NamedTuple):
    """One annotation."""

    name: str
    properties: dict[str, str]
    message: str


def unescape(text: str, escapes: dict[str, str]) -> str:
    """Return the text that was escaped; another sequence than a known one is an error."""
    return ESCAPE.sub(lambda found: escapes[found[1]], text)


def commands(report: Report) -> tuple[list[Command], list[str]]:
    """Return the commands and the other lines of the output."""
    found, others = [], []
    for line in re.split(r"\r\n|\r|\n", render(report, "github")):
        if not line.startswith("::"):
            # Further forms that the runner takes for commands, and a terminal for its own.
            assert "##[" not in line
            assert line.isprintable()
            others.append(line)
            continue
        command = COMMAND.fullmatch(line)
        assert command is not None
        properties = {}
        for item in command["properties"].split(","):
            pair = PROPERTY.fullmatch(item)
            assert pair is not None, item
            assert pair["name"] not in properties
            properties[pair["name"]] = unescape(pair["value"], VALUES)
        found.append(Command(command["name"], properties, unescape(command["message"], DATA)))
    return found, others


def test_annotation_for_each_finding(unsound: Report) -> None:
    """Errors, warnings and remarks become the annotations of that kind."""
    found, others = commands(unsound)
    assert [command.name for command in found] == ["error", "error", "warning", "notice"]
    assert others == [
        "carecli verify: Findings: 2 errors, 1 warning, 1 remark; 2 ignored; not looked at: drift."
    ]


def test_place(unsound: Report) -> None:
    """A finding with a file is shown at its line; one without has a title alone."""
    first, second, *_ = commands(unsound)[0]
    assert first.properties == {
        "file": "migrations/verify/error_codes.sql",
        "line": "7",
        "title": "changes/failed: change two",
    }
    assert second.properties == {"title": "contract/row_security: table public.messages_v2"}
    assert second.message.splitlines() == [
        "row level security is off",
        "alter table public.messages_v2 enable row level security;",
    ]


def test_nothing_breaks_out(unsound: Report) -> None:
    """Signs of the commands themselves arrive as they were; line ends do not begin a command."""
    nasty = commands(unsound)[0][2]
    assert nasty.properties["file"] == "a b%/ä:,.sql"
    assert nasty.message.startswith("100%, a:b,c\nthe ")
    assert "::error::<&" in nasty.message
    assert "\x1b" not in nasty.message


def test_sound_report(sound: Report) -> None:
    """A sound database has no annotation, and a line in the log."""
    assert commands(sound) == ([], ["carecli verify: No findings; not looked at: drift."])
