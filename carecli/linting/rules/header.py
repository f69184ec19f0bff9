"""A script begins with what, why, requires, and whether it runs in a transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator

from carecli.linting.reading import Fault, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"
_LABELS = ("What", "Why", "Requires", "Transaction")
_LINE = re.compile(r"--\s*(What|Why|Requires|Transaction):\s*(.*)", re.IGNORECASE)


def faults(text: Text) -> Iterator[Fault]:
    """Yield the lines that the header lacks, and one on the transaction that is not true."""
    said: dict[str, tuple[int, str]] = {}
    offset = 0
    for line in text.script.text.splitlines(keepends=True):
        if not line.startswith("--"):
            break
        if match := _LINE.match(line):
            said.setdefault(match[1].capitalize(), (offset, match[2].strip().lower()))
        offset += len(line)
    for label in _LABELS:
        if not said.get(label, (0, ""))[1]:
            yield Fault(
                0,
                text.name,
                f'the header does not say "{label}"',
                f"add to the comment at its beginning: -- {label}: ...",
            )
    offset, answer = said.get("Transaction", (0, ""))
    truth = "yes" if text.script.transactional else "no"
    if answer and not answer.startswith(truth):
        yield Fault(
            offset,
            text.name,
            f'the header says "Transaction: {answer}", but the script is '
            f"{'' if truth == 'yes' else 'not '}run in one",
            f"write: -- Transaction: {truth}.",
        )
