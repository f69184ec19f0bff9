"""What the documentation tells people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from carecli.cli import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "docs" / "runbook.md"]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code(page: Path) -> list[str]:
    """Return each line of code of a page, from its blocks and from its sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4,}(.*)$", rest, re.MULTILINE)
    # A span may run over the end of a line.
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]
    return [line for block in blocks for line in block.splitlines()] + indented + spans


def calls(page: Path, program: str) -> list[list[str]]:
    """Return the arguments of each call of a program on a page."""
    found = []
    for line in code(page):
        called = re.match(rf"\s*(?:\$ |# )?(?:\w+=\S* )*(?:\S*/)?{program}( .*|$)", line)
        if called:
            lexer = shlex.shlex(called[1], posix=True, punctuation_chars="|;&<>()")
            lexer.whitespace_split = True
            found.append(list(lexer))
    return found


def fault(arguments: list[str]) -> str | None:
    """Return the first word of a call of carecli that names nothing, or None."""
    command: click.Command = cli
    for word in arguments:
        if re.fullmatch(r"[|;&<>()]+", word):
            break
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", word):
            # What a group does where it is not told: show.
            name = "show" if word.startswith("-") and command is not cli else word
            if not name.startswith("-"):
                found = command.get_command(click.Context(command), name)
                if found is None:
                    return word
                command = found
        if word.startswith("-"):
            option = word.split("=")[0]
            known = {
                name
                for parameter in command.params
                for name in (*parameter.opts, *parameter.secondary_opts)
            }
            if option not in known | {"-h", "--help"}:
                return option
    return None


@each_page
def test_commands_exist(page: Path) -> None:
    """Every `carecli` call of a page names commands and options that there are."""
    faults = {" ".join(call): fault(call) for call in calls(page, "carecli")}
    assert {call: word for call, word in faults.items() if word} == {}


@each_page
def test_targets_exist(page: Path) -> None:
    """Every `make` call of a page names a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for call in calls(page, "make") for word in call if re.fullmatch("[a-z-]+", word)}
    assert named - targets == set()


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every link into the project leads to a file that is there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readme_begins_with_the_two_commands() -> None:
    """The README shows a stranger how to migrate and how to test, first."""
    shown = [call[0] for call in calls(ROOT / "README.md", "make") if call]
    assert shown[:2] == ["migrate", "test"]


def test_help_lists_every_target() -> None:
    """`make` alone explains each target that can be made by name."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
