"""A whole plan, from text to `Plan`, refused where sqitch refuses it."""

from __future__ import annotations

from pathlib import Path

from carecli.errors import CarecliError, InvalidUsage
from carecli.plan.assembly import assemble
from carecli.plan.faults import NAME_RULE, Place, PlanError
from carecli.plan.lines import Line, PragmaLine
from carecli.plan.model import Plan
from carecli.plan.names import is_name
from carecli.plan.scanner import scan_blank, scan_entry, scan_pragma
from carecli.plan.sections import Sections

__all__ = ["parse_plan", "read_plan"]

SYNTAX_VERSION = "1.0.0"


def read_plan(path: Path) -> Plan:
    """Read and parse a plan.

    Arguments:
        path: the file.

    Raises:
        InvalidUsage: there is no such file.
        PlanError: it is not UTF-8, or not a plan.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InvalidUsage(
            f"plan file {path} does not exist",
            hint="-C names the folder of a sqitch project; `sqitch init` makes one",
        ) from None
    except OSError as error:
        raise CarecliError(f"cannot read plan file {path}: {error.strerror}") from None
    try:
        return parse_plan(raw.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        start = raw.rfind(b"\n", 0, error.start) + 1
        raise PlanError(
            "the plan is not UTF-8",
            path=path,
            line=line,
            column=len(raw[start : error.start].decode("utf-8", "replace")) + 1,
            source_line=raw[start:].split(b"\n", 1)[0].decode("utf-8", "replace"),
            hint="save it in UTF-8",
        ) from None


def parse_plan(text: str, path: Path) -> Plan:
    """Parse the text of a plan.

    Arguments:
        text: the whole file.
        path: where it is from, for the errors.

    Raises:
        PlanError: sqitch would not accept it; says line, column and what was expected there.
    """
    places = _places(text, path)
    if not text.isascii():
        _refuse_noncharacters(places)
    lines, body = _read_header(places)
    pragmas = {line.name: line.value or "1" for line in lines if isinstance(line, PragmaLine)}
    project = pragmas.get("project", "0")
    if project == "0":
        raise PlanError(
            "missing %project pragma",
            path=path,
            line=1,
            hint="a plan begins with the lines %syntax-version=1.0.0 and %project=NAME, "
            "then an empty one",
        )
    if not pragmas.keys() & {"syntax-version", "syntax_version"}:
        lines.insert(0, PragmaLine("syntax-version", SYNTAX_VERSION, "="))
    sections = Sections(project)
    for place in places[body:]:
        blank = scan_blank(place)
        if blank is not None:
            lines.append(blank)
            continue
        entry = scan_entry(place)
        sections.add(entry, place)
        lines.append(entry)
    sections.close()
    return assemble(tuple(lines), project=project, uri=pragmas.get("uri"), path=path)


def _places(text: str, path: Path) -> list[Place]:
    rows = text.split("\n")
    last = rows.pop()
    rows = [row.removesuffix("\r") for row in rows]
    if last:
        rows.append(last)
    return [Place(path, number, row) for number, row in enumerate(rows, 1)]


def _refuse_noncharacters(places: list[Place]) -> None:
    """Refuse what Perl's strict UTF-8, in which sqitch reads, does not take for a character."""
    for place in places:
        for index, char in enumerate(place.source):
            code = ord(char)
            if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
                raise place.error(
                    f"U+{code:04X} is not a character",
                    column=index + 1,
                    hint="remove it; Unicode keeps it for the inside of programs",
                )


def _read_header(places: list[Place]) -> tuple[list[Line], int]:
    """Return the lines up to the first empty one, and how many there are."""
    header: list[Line] = []
    for place in places:
        blank = scan_blank(place)
        header.append(blank or _checked(scan_pragma(place), place))
        # sqitch takes a comment that is just "0" for an empty line.
        if blank is not None and blank.note in ("", "0"):
            break
    return header, len(header)


def _checked(pragma: PragmaLine, place: Place) -> PragmaLine:
    """Return the pragma as sqitch keeps it, once its value is known to be good."""
    if pragma.name == "syntax-version":
        # Whatever version it says, sqitch reads it as the present one and writes that.
        return pragma._replace(value=SYNTAX_VERSION, operator="=")
    if pragma.name == "project" and not is_name(pragma.value or ""):
        column = place.source.find(pragma.value) + 1 if pragma.value else len(place.source) + 1
        raise place.error(
            f'invalid project name "{pragma.value or ""}"', column=column, hint=NAME_RULE
        )
    return pragma
