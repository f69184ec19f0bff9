"""What is wrong with a plan, though sqitch would read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from carecli.errors import CarecliError, SourceError
from carecli.plan.lines import ChangeLine, PragmaLine
from carecli.project import Project
from carecli.verification.findings import Finding

__all__ = ["check_plan", "from_error", "plan_fault"]


def plan_fault(error: CarecliError, project: Project) -> Finding:
    """Return the finding for a plan that cannot be read."""
    return from_error("plan", f"plan {project.plan_file.name}", error, project.plan_file)


def check_plan(project: Project) -> Iterator[Finding]:
    """Yield the findings in the plan.

    Arguments:
        project: the project, with a plan that can be read.
    """
    yield from _repeated_pragmas(project)
    yield from _bare_ids(project)


def from_error(check: str, name: str, error: CarecliError, path: Path) -> Finding:
    """Return the finding that an error tells of.

    Arguments:
        check: which check met it.
        name: what it is about.
        error: with its place, if it has one.
        path: the file, if it has none.
    """
    remedy = error.hint or "put it right"
    if not isinstance(error, SourceError):
        return Finding(check, "error", name, error.message, remedy, path)
    place = f"{error.path}:{error.line}" + (f":{error.column}" if error.column else "")
    detail = error.message.removeprefix(f"{place}: ")
    if error.column:
        detail += f" (column {error.column})"
    return Finding(check, "error", name, detail, remedy, error.path, error.line)


def _repeated_pragmas(project: Project) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for line in project.plan.lines:
        if not isinstance(line, PragmaLine):
            continue
        if line.name in seen:
            yield Finding(
                "repeated-pragma",
                "warning",
                f"pragma %{line.name}",
                f"%{line.name} is also on line {seen[line.name]}; the last one counts",
                "keep one of them",
                project.plan_file,
                line.number,
            )
        seen[line.name] = line.number


def _bare_ids(project: Project) -> Iterator[Finding]:
    for line in project.plan.lines:
        if not isinstance(line, ChangeLine):
            continue
        for written in line.dependencies:
            if written.id is not None and written.project is None:
                yield Finding(
                    "bare-id",
                    "warning",
                    f"change {line.name}",
                    "a dependency is named by its id alone; sqitch 1.3 never comes to an end with "
                    f"such a plan (column {written.column})",
                    "write change@tag, or project: before the id",
                    project.plan_file,
                    line.number,
                )
