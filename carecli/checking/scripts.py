"""What is wrong with the scripts of a plan: missing, faulty, under the wrong header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from carecli.checking.plan import from_error
from carecli.errors import CarecliError
from carecli.plan import Change
from carecli.project import Action, Project
from carecli.verification.findings import Finding, Level

__all__ = ["check_scripts"]

_ACTIONS: tuple[Action, ...] = get_args(Action)
_HEADER = re.compile(r"--\s*(?P<action>Deploy|Revert|Verify)\s+(?P<name>\S+)", re.IGNORECASE)
_REQUIRES = re.compile(r"--\s*requires:\s*(?P<names>.*)", re.IGNORECASE)


def check_scripts(project: Project) -> Iterator[Finding]:
    """Yield the findings in the scripts, and those that no change uses.

    Arguments:
        project: the project, with a plan that can be read.
    """
    for change in project.plan:
        for action in _ACTIONS:
            yield from _check_script(project, change, action)
    yield from _equal_scripts(project)
    yield from _unplanned_scripts(project)


def _check_script(project: Project, change: Change, action: Action) -> Iterator[Finding]:
    path = project.script_file(action, change)
    name = f"change {change.qualified_name}"
    if not path.is_file():
        # sqitch only warns of a missing verify script, and real projects have such changes.
        level: Level = "warning" if action == "verify" else "error"
        detail = f"it has no {action} script"
        remedy = f"write it; the change is on line {change.line} of {project.plan_file}"
        yield Finding(f"missing-{action}", level, name, detail, remedy, path)
        return
    from carecli.script import read_script

    try:
        script = read_script(path, variables=project.variables_for(action), purpose=action)
    except CarecliError as error:
        yield from_error("script", name, error, path)
        return
    if action == "verify" and not script.statements:
        yield Finding(
            "empty-verify",
            "warning",
            name,
            "the verify script proves nothing: there is no statement in it",
            "let it fail where the change is missing or wrong",
            path,
        )
    yield from _check_header(project, change, action, path, script.text)


def _check_header(
    project: Project, change: Change, action: Action, path: Path, text: str
) -> Iterator[Finding]:
    """Compare the comment lines at the head of a script with the plan."""
    head = _head(text)
    header = _HEADER.match(head[0]) if head else None
    name = f"change {change.qualified_name}"
    remedy = f"begin with: -- {action.capitalize()} {project.plan.project}:{change.name}"
    if header is None:
        detail = "the script does not say in its first line what it is"
        yield Finding("header", "warning", name, detail, remedy, path, 1)
        return
    owner, _, about = header["name"].rpartition(":")
    is_ours = about == change.name and owner in ("", project.plan.project)
    if not is_ours or header["action"].lower() != action:
        # A reworked change's revert script is the deploy script of before, header and all.
        level: Level = "warning" if is_ours else "error"
        detail = f"the first line is about another script: {head[0].strip()}"
        yield Finding("header", level, name, detail, remedy, path, 1)
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
            "header",
            "warning",
            f"change {change.qualified_name}",
            f"the header does not name what the plan requires: {', '.join(missing)}",
            f"-- Requires: {', '.join(sorted(planned)) or 'nothing'}.",
            path,
            min(lines),
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
                "equal-scripts",
                "error",
                f"change {change.qualified_name}",
                f"it has the same deploy script as {other.qualified_name}; sqitch's registry "
                "refuses the second",
                f"write the change, or tell the two apart by a comment: see "
                f"{project.deploy_file(other)}",
                project.deploy_file(change),
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
                "unplanned-script",
                "error",
                f"script {path.name}",
                "no change of the plan uses this script",
                f"add the change to {project.plan_file}, or remove the script",
                path,
            )


def _head(text: str) -> list[str]:
    """Return the comment lines with which a script begins."""
    lines = text.splitlines()
    end = next((at for at, row in enumerate(lines) if not row.startswith("--")), len(lines))
    return lines[:end]
