"""What several forms have in common: counts, places and descriptions."""

from __future__ import annotations

import re
from glob import escape
from itertools import takewhile
from pathlib import Path

from carecli.resources import data_directory
from carecli.verification.findings import Report

__all__ = ["describe", "place", "plural", "printable", "summary"]


_PARAGRAPH = re.compile(r"\s([A-Z][a-z]+: )")
_LABEL = re.compile(r"^What: (.)")


def plural(number: int, noun: str) -> str:
    """Return number and noun, the noun with an `s` unless there is one."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def summary(report: Report) -> str:
    """Return one line that says how many findings there are, of which level, and how many not.

    Arguments:
        report: what a command found.
    """
    counts = {
        noun: sum(finding.level == level for finding in report.findings)
        for level, noun in (("error", "error"), ("warning", "warning"), ("info", "remark"))
    }
    said = [plural(count, noun) for noun, count in counts.items() if count]
    ignored = sum(part.ignored for part in report.parts)
    text = f"Findings: {', '.join(said)}" if said else "No findings"
    if report.proves_nothing:
        text = "Nothing was verified"
    if ignored:
        text += f"; {ignored:,} ignored"
    skipped = [part.name for part in report.parts if part.skipped is not None]
    if skipped:
        text += f"; not looked at: {', '.join(skipped)}"
    return f"{text}."


def place(path: Path) -> str:
    """Return the name of a file as the repository knows it: with `/`, from its top where possible.

    Reports are read where the repository is checked out. What came with carecli has the name that
    it has in carecli's own.

    Arguments:
        path: the file, absolute or from the current folder.
    """
    for top in (Path.cwd(), data_directory("migrations").parent):
        for file in (path.absolute(), path.resolve()):
            if file.is_relative_to(top):
                return file.relative_to(top).as_posix()
    return path.absolute().as_posix()


def printable(text: str) -> str:
    """Return a text without what would command a terminal, or break a form: line feeds stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def describe(part: str, check: str) -> str:
    """Return what a check is about: what the comment at the head of its file says, or its name.

    Such a comment has paragraphs that begin with `What:`, `Why:` and the like; each becomes a line.

    Arguments:
        part: the name of its part.
        check: its name.
    """
    folder = data_directory("sql")
    files = [*folder.glob(f"*/{escape(check)}.sql")]
    if check.startswith(f"{part}_"):
        # Files that are read in an order have numbers, and their parts' names are not in them.
        files += folder.glob(f"*/[0-9]*_{escape(check.removeprefix(f'{part}_'))}.sql")
    for path in sorted(files):
        lines = path.read_text(encoding="utf-8").splitlines()
        head = takewhile(lambda line: line.startswith("--"), lines)
        told = " ".join(line.removeprefix("--").strip() for line in head)
        if told := _PARAGRAPH.sub(r"\n\1", told).strip():
            return _LABEL.sub(lambda found: found[1].upper(), told)
    return f"{check.replace('_', ' ').capitalize()}, found by the {part} part."
