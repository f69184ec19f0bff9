"""Writing a project: a planned change with its scripts, a tag, a rework."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from carecli.errors import CarecliError, Refused
from carecli.files import exclusive, write_together
from carecli.plan import Change, Plan
from carecli.plan.editing import Entry, add_change, rework_change, rework_tag, tag_change
from carecli.project import Action, Project
from carecli.resources import data_directory

__all__ = ["Authored", "add", "rework", "tag"]

# They are files of their own, so that a newcomer finds and edits them as SQL.
_TEMPLATES = Path(__file__).resolve().parent / "plan" / "templates"
_ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Authored:
    """What was written.

    Arguments:
        change: the change that was added, reworked or tagged, as the plan has it now.
        created: the new files.
        edited: files that are there for the author to work on.
    """

    change: Change
    created: tuple[Path, ...] = ()
    edited: tuple[Path, ...] = ()


def add(project: Project, entry: Entry) -> Authored:
    """Plan a change and lay out its three scripts.

    Raises:
        InvalidUsage: the name or a dependency is not valid.
        Refused: one of the scripts exists already.
    """
    with _editable(project):
        plan = add_change(project.plan, entry)
        change = plan.changes[-1]
        scripts = {
            project.script_file(action, change): _script(action, plan, change)
            for action in _ACTIONS
        }
        write_together(scripts, _plan_file(project, plan))
    return Authored(change, tuple(scripts), tuple(scripts))


def tag(project: Project, entry: Entry, reference: str | None) -> Authored:
    """Tag a change.

    Arguments:
        project: the project.
        entry: name and note of the tag.
        reference: the change; None for the last one.

    Raises:
        InvalidUsage: the name is not valid or taken, or there is no such change.
    """
    with _editable(project):
        plan = tag_change(project.plan, entry, reference)
        write_together({}, _plan_file(project, plan))
    return Authored(plan.get(f"@{entry.name.removeprefix('@')}"))


def rework(project: Project, entry: Entry) -> Authored:
    """Plan a change anew, and keep its scripts under the name of the tag before.

    The deploy script of before becomes the revert script: going back from the new one is
    going back to it.

    Raises:
        InvalidUsage: there is no such change, or no tag since.
        Refused: one of the files to be made exists already.
    """
    with _editable(project):
        plan = rework_change(project.plan, entry)
        change = plan.changes[-1]
        kept = _kept_scripts(project, change, rework_tag(project.plan) or "")
        changed: dict[Path, bytes] = {}
        deploy, revert = project.deploy_file(change), project.revert_file(change)
        if revert.is_file() and deploy.is_file():
            changed[revert] = deploy.read_bytes()
        write_together(kept, changed | _plan_file(project, plan))
    edited = (project.script_file(action, change) for action in _ACTIONS)
    return Authored(change, tuple(kept), tuple(path for path in edited if path.is_file()))


def _editable(project: Project) -> AbstractContextManager[None]:
    """Return what holds the project while its plan is read and written again."""
    built_in = data_directory("migrations")
    if built_in.parent.name == "data" and project.directory == built_in:
        raise Refused(
            "these are the migrations of the installed package",
            hint="name the folder of your own project with -C",
        )
    if not project.plan_file.is_file():
        raise CarecliError(
            f"plan file {project.plan_file} does not exist",
            hint="name the folder of a sqitch project with -C, or make one with `sqitch init`",
        )
    return exclusive(project.plan_file.resolve().parent)


def _plan_file(project: Project, plan: Plan) -> dict[Path, bytes]:
    return {project.plan_file: plan.text().encode("utf-8")}


def _kept_scripts(project: Project, change: Change, tag_name: str) -> dict[Path, bytes]:
    """Return where the scripts of before go, and what is in them."""
    directories: dict[Action, Path] = {
        "deploy": project.reworked_deploy_dir,
        "revert": project.reworked_revert_dir,
        "verify": project.reworked_verify_dir,
    }
    kept: dict[Path, bytes] = {}
    for action in _ACTIONS:
        script = project.script_file(action, change)
        if script.is_file():
            name = f"{change.name}{tag_name}.{project.extension}"
            kept[directories[action] / name] = script.read_bytes()
    return kept


def _script(action: Action, plan: Plan, change: Change) -> bytes:
    """Return a script made from its template."""
    script = (_TEMPLATES / f"{action}.sql").read_text(encoding="utf-8")
    required = [dependency.text for dependency in change.requires]
    required += [f"the absence of {dependency.text}" for dependency in change.conflicts]
    values = {
        "project": plan.project,
        "change": change.name,
        "note": "\n--     ".join(line.strip() for line in change.note.splitlines()),
        "requires": ", ".join(required) or "nothing",
    }
    # In one pass, so that a note which looks like a placeholder stays as it is.
    filled = re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], script)
    return filled.encode("utf-8")
