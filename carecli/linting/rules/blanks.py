"""No tabs, no blanks at the end of a line, and a line feed, alone, at the end of each."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield the lines; those of COPY data and of a string that goes over lines are data."""
    content = text.script.text
    data = list(_data(text))
    offset = 0
    for line in content.splitlines(keepends=True):
        end = offset + len(line)
        if not any(start < end and offset < stop for start, stop in data):
            plain = line.rstrip("\n")
            if "\t" in plain:
                yield Fault(offset, text.name, "a tab", "indent with four spaces")
            elif "\r" in line:
                yield Fault(offset, text.name, "a carriage return", "end the line with \\n alone")
            elif plain != plain.rstrip():
                yield Fault(offset, text.name, "blanks at the end of the line", "remove them")
        offset = end
    if content and not content.endswith("\n"):
        yield Fault(
            len(content) - 1, text.name, "the last line has no line feed", "end it with one"
        )


def _data(text: Text) -> Iterator[tuple[int, int]]:
    """Yield where data begin and end in the text."""
    content = text.script.text
    for statement in text.script.statements:
        if statement.copy_data:
            start = content.find(statement.copy_data, statement.offset)
            yield start, start + len(statement.copy_data)
    for sentence in text.sentences:
        for tokens in sentence.code:
            for token in tokens:
                if token.kind == "string" and "\n" in token.text:
                    yield token.offset, token.offset + len(token.text)
