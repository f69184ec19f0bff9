"""What can be found wrong with a project without a database: in its plan and its scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from carecli.errors import CarecliError, SourceError
from carecli.plan import Change, PlanError
from carecli.plan.lines import ChangeLine, PragmaLine
from carecli.project import Action, Project

__all__ = ["Finding", "check"]

_ACTIONS: tuple[Action, ...] = get_args(Action)
_HEADER = re.compile(r"--\s*(?P<action>Deploy|Revert|Verify)\s+(?P<name>\S+)", re.IGNORECASE)
_REQUIRES = re.compile(r"--\s*requires:\s*(?P<names>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Arguments:
        level: `error`, or `warning` for what does not fail the check.
        code: which check it is from, a stable word.
        message: what is wrong.
        path: the file that it is about.
        line: line number, from 1, where it is known.
        column: column in characters, from 1, where it is known.
        hint: what would be right.
    """

    level: Literal["error", "warning"]
    code: str
    message: str
    path: Path
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    @property
    def place(self) -> str:
        """The file, with line and column where they are known."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part)


def check(project: Project) -> list[Finding]:
    """Return everything that is wrong with a project's plan and scripts.

    Arguments:
        project: the project; its plan may not even be readable.
    """
    try:
        plan = project.plan
    except PlanError as error:
        return [_from_error("plan", error, project.plan_file)]
    findings = [*_repeated_pragmas(project), *_bare_ids(project)]
    for change in plan:
        for action in _ACTIONS:
            findings += _check_script(project, change, action)
    findings += _equal_scripts(project)
    findings += _unplanned_scripts(project)
    return findings


def _repeated_pragmas(project: Project) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for line in project.plan.lines:
        if not isinstance(line, PragmaLine):
            continue
        if line.name in seen:
            yield Finding(
                "warning",
                "repeated-pragma",
                f"%{line.name} is also on line {seen[line.name]}; the last one counts",
                project.plan_file,
                line.number,
                hint="keep one of them",
            )
        seen[line.name] = line.number


def _bare_ids(project: Project) -> Iterator[Finding]:
    for line in project.plan.lines:
        if not isinstance(line, ChangeLine):
            continue
        for written in line.dependencies:
            if written.id is not None and written.project is None:
                yield Finding(
                    "warning",
                    "bare-id",
                    f'"{line.name}" names a dependency by its id alone; sqitch 1.3 never comes '
                    "to an end with such a plan",
                    project.plan_file,
                    line.number,
                    written.column,
                    hint="write change@tag, or project: before the id",
                )


def _check_script(project: Project, change: Change, action: Action) -> Iterator[Finding]:
    path = project.script_file(action, change)
    if not path.is_file():
        # sqitch only warns of a missing verify script, and real projects have such changes.
        yield Finding(
            "warning" if action == "verify" else "error",
            f"missing-{action}",
            f'change "{change.qualified_name}" has no {action} script',
            path,
            hint=f"write it; the change is on line {change.line} of {project.plan_file}",
        )
        return
    from carecli.script import read_script

    try:
        script = read_script(path, variables=project.variables_for(action), purpose=action)
    except CarecliError as error:
        yield _from_error("script", error, path)
        return
    if action == "verify" and not script.statements:
        yield Finding(
            "warning",
            "empty-verify",
            "the verify script proves nothing: there is no statement in it",
            path,
            hint="let it fail where the change is missing or wrong",
        )
    yield from _check_header(project, change, action, path, script.text)


def _check_header(
    project: Project, change: Change, action: Action, path: Path, text: str
) -> Iterator[Finding]:
    """Compare the comment lines at the head of a script with the plan."""
    head = _head(text)
    header = _HEADER.match(head[0]) if head else None
    expected = f"-- {action.capitalize()} {project.plan.project}:{change.name}"
    if header is None:
        yield Finding(
            "warning",
            "header",
            "the script does not say in its first line what it is",
            path,
            1,
            hint=f"begin with: {expected}",
        )
        return
    owner, _, name = header["name"].rpartition(":")
    is_ours = name == change.name and owner in ("", project.plan.project)
    if not is_ours or header["action"].lower() != action:
        yield Finding(
            # A reworked change's revert script is the deploy script of before, header and all.
            "warning" if is_ours else "error",
            "header",
            f"the first line is about another script: {head[0].strip()}",
            path,
            1,
            header.start("name") + 1,
            hint=f"begin with: {expected}",
        )
    if action == "deploy":
        yield from _check_requires(change, path, head)


def _check_requires(change: Change, path: Path, head: list[str]) -> Iterator[Finding]:
    lines = {number: found for number, row in enumerate(head, 1) if (found := _REQUIRES.match(row))}
    if not lines:
        return
    said = {
        name
        for found in lines.values()
        for name in re.findall(r"[^\s,]+", found["names"].strip().rstrip("."))
    }
    planned = {dependency.text for dependency in change.requires}
    missing = sorted(planned - said)
    # What is said beyond the plan may be prose; only names of the plan's own are a contradiction.
    if missing:
        yield Finding(
            "warning",
            "header",
            f"the header does not name what the plan requires: {', '.join(missing)}",
            path,
            min(lines),
            hint="-- Requires: " + (", ".join(sorted(planned)) or "nothing") + ".",
        )


def _equal_scripts(project: Project) -> Iterator[Finding]:
    """Find changes whose deploy scripts are byte for byte the same: the registry takes one."""
    first: dict[str, Change] = {}
    for change in project.plan:
        digest = project.script_hash(change)
        if digest is None:
            continue
        other = first.setdefault(digest, change)
        if other is not change:
            yield Finding(
                "error",
                "equal-scripts",
                f'"{change.qualified_name}" has the same deploy script as '
                f'"{other.qualified_name}"; sqitch\'s registry refuses the second',
                project.deploy_file(change),
                hint=f"write the change, or tell the two apart by a comment: see "
                f"{project.deploy_file(other)}",
            )


def _unplanned_scripts(project: Project) -> Iterator[Finding]:
    """Find scripts that no change of the plan uses."""
    planned = {
        project.script_file(action, change).resolve()
        for change in project.plan
        for action in _ACTIONS
    }
    folders = dict.fromkeys(
        [
            project.deploy_dir,
            project.revert_dir,
            project.verify_dir,
            project.reworked_deploy_dir,
            project.reworked_revert_dir,
            project.reworked_verify_dir,
        ]
    )
    seen: set[Path] = set()
    for folder in folders:
        for path in sorted(folder.rglob(f"*.{project.extension}")):
            if path.resolve() in planned | seen or not path.is_file():
                continue
            seen.add(path.resolve())
            yield Finding(
                "error",
                "unplanned-script",
                "no change of the plan uses this script",
                path,
                hint=f"add the change to {project.plan_file}, or remove the script",
            )


def _head(text: str) -> list[str]:
    """Return the comment lines with which a script begins."""
    lines = text.splitlines()
    end = next((at for at, row in enumerate(lines) if not row.startswith("--")), len(lines))
    return lines[:end]


def _from_error(code: str, error: CarecliError, path: Path) -> Finding:
    if not isinstance(error, SourceError):
        return Finding("error", code, error.message, path, hint=error.hint)
    place = f"{error.path}:{error.line}" + (f":{error.column}" if error.column else "")
    return Finding(
        "error",
        code,
        error.message.removeprefix(f"{place}: "),
        error.path,
        error.line,
        error.column,
        hint=error.hint,
    )
