"""Keywords and names are written in lower case."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield the first word with an upper-case letter of each line; quoted names are free."""
    told = set()
    bounds = [item for item in (text.script.opening, text.script.closing) if item is not None]
    words = [
        (text.original(token), token.offset, token.text, sentence.subject)
        for sentence in text.sentences
        for tokens in sentence.code
        for token in tokens
        if token.kind == "word"
    ]
    words += [(item.sql, item.offset, item.sql.lower(), text.name) for item in bounds]
    for written, offset, lower, subject in sorted(words, key=lambda word: word[1]):
        line = text.script.source.line(offset) if written != lower else 0
        # A word that a variable brought in stands elsewhere.
        if written != lower and written.lower() == lower and line not in told:
            told.add(line)
            yield Fault(offset, subject, f"{written} is in upper case", f"write {lower}")
