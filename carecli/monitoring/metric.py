"""The metrics of `sql/metrics`: what each file says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from carecli.errors import InvalidUsage, SourceError
from carecli.monitoring.targets import Target, parse_targets
from carecli.monitoring.windows import parse_window
from carecli.resources import data_directory

__all__ = ["Metric", "chosen_metrics", "load_metrics", "parse_metric"]

_FIELDS = ("name", "help", "unit", "type", "labels", "window", "target")
_TYPES = ("gauge", "counter")
_HEADER_LINE = re.compile(r"--\s*(?P<field>[a-z]+):\s*(?P<value>.*?)\s*$")
_WINDOW, _UNTIL = "%(window)s", "%(until)s"
_AGREE = (
    f"A query with a window has {_WINDOW} and {_UNTIL} in it; one without says now or all, and "
    "has neither."
)
_DAY = "day"


@dataclass(frozen=True, slots=True)
class Metric:
    """One monitoring query and what its header says of it.

    Arguments:
        name: the name of its file.
        help: what it tells, in a sentence.
        unit: of its values.
        type: `gauge` or `counter`.
        labels: columns that name a series; all others are measures.
        window: default length of time looked back on; None where the query has no window.
        scope: the header's words for the window: `7 days`, `now`, `all`.
        target: what is healthy, as it is written, or None where nothing is said.
        targets: the same, for a machine.
        query: the statement, with `%(window)s` for the window and `%(until)s` for its end.
    """

    name: str
    help: str
    unit: str
    type: str
    labels: tuple[str, ...]
    window: timedelta | None
    scope: str
    target: str | None
    targets: tuple[Target, ...]
    query: str

    @property
    def by_day(self) -> bool:
        """Whether its series are the days of the window: it is a course already."""
        return _DAY in self.labels and self.window is not None

    def target_of(self, measure: str) -> Target | None:
        """Return the target of one measure, if it has one."""
        return next((target for target in self.targets if target.measure == measure), None)


def load_metrics(folder: Path | None = None) -> tuple[Metric, ...]:
    """Return the metrics of a folder, by name.

    Arguments:
        folder: where the files are; default: `sql/metrics` of carecli.

    Raises:
        SourceError: a header lacks a field, or says something that cannot be.
    """
    if folder is None:
        folder = data_directory("sql") / "metrics"
    files = sorted(folder.glob("*.sql"))
    return tuple(parse_metric(file.read_text(encoding="utf-8"), file) for file in files)


def chosen_metrics(metrics: Iterable[Metric], names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics of these names, in their order; all where no name is given.

    Raises:
        InvalidUsage: there is no metric of that name; the near ones are listed.
    """
    known = {metric.name: metric for metric in metrics}
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known) or sorted(known)
            raise InvalidUsage(
                f"there is no metric {name!r}", hint=f"Did you mean {', '.join(near)}?"
            )
    return tuple(known[name] for name in wanted) or tuple(known.values())


def parse_metric(text: str, path: Path) -> Metric:
    """Read one file: lines `-- field: value` on top, then the query.

    The fields are name (that of the file), help, unit, type (gauge or counter), labels (names of
    columns, parted by commas), window (a length of time such as `7 days`, or `now` or `all` for
    a query without one) and target (such as `p95 < 0.5`, several parted by commas); labels and
    target may be empty. A query with a window looks at [until - window, until), and so has both
    `%(window)s` and `%(until)s` in it.

    Arguments:
        text: contents of the file.
        path: its name, for the errors.

    Raises:
        SourceError: a field is missing, unknown, twice there, or has a value that cannot be.
    """
    header, lines = _parse_header(text, path)
    query = "\n".join(text.splitlines()[len(header) :]).strip().removesuffix(";")

    def fail(field: str, message: str, hint: str | None) -> SourceError:
        line = lines[field]
        source_line = text.splitlines()[line - 1]
        return SourceError(message, path=path, line=line, source_line=source_line, hint=hint)

    if header["name"] != path.stem:
        raise fail("name", f"the metric {header['name']!r} is not named as its file", path.stem)
    if header["type"] not in _TYPES:
        raise fail("type", f"{header['type']!r} is no type of metric", "gauge or counter")
    try:
        window = _parse_scope(header["window"])
    except InvalidUsage as error:
        raise fail("window", error.message, f"{error.hint} Or: now, all.") from None
    if any((window is not None) != (placeholder in query) for placeholder in (_WINDOW, _UNTIL)):
        raise fail(
            "window", "the header and the query do not agree on whether there is a window", _AGREE
        )
    try:
        targets = parse_targets(header["target"])
    except InvalidUsage as error:
        raise fail("target", error.message, error.hint) from None
    return Metric(
        name=header["name"],
        help=header["help"],
        unit=header["unit"],
        type=header["type"],
        labels=tuple(label.strip() for label in header["labels"].split(",") if label.strip()),
        window=window,
        scope=header["window"],
        target=header["target"] or None,
        targets=targets,
        query=query,
    )


def _parse_scope(text: str) -> timedelta | None:
    """Return the window that a header names; None where it says that there is none."""
    return None if text in ("now", "all") else parse_window(text)


def _parse_header(text: str, path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Return the value and the line number of each field of the header."""
    header: dict[str, str] = {}
    lines: dict[str, int] = {}
    source = text.splitlines()
    for number, line in enumerate(source, start=1):
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            break
        field = match["field"]
        if field not in _FIELDS or field in header:
            problem = "is there twice" if field in header else "is unknown"
            raise SourceError(
                f"the header field {field!r} {problem}",
                path=path,
                line=number,
                source_line=line,
                hint=f"The fields are {', '.join(_FIELDS)}.",
            )
        header[field] = match["value"]
        lines[field] = number
    for field in _FIELDS:
        if not header.get(field) and (field not in header or field not in ("labels", "target")):
            raise SourceError(
                f"the header says nothing of {field!r}",
                path=path,
                line=lines.get(field, len(header) + 1),
                hint=f"Each metric begins with lines `-- field: value` for {', '.join(_FIELDS)}.",
            )
    return header, lines
