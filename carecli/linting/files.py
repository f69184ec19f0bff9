"""Which scripts are read, and what each of them is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from carecli.project import Action, Project
from carecli.script import Purpose

__all__ = ["ScriptFile", "chosen_files", "project_files"]

_ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script on disk.

    Arguments:
        path: where.
        purpose: what it is for.
        variables: psql variables that it is run with.
    """

    path: Path
    purpose: Purpose
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)


def project_files(project: Project) -> list[ScriptFile]:
    """Return the scripts of the plan that are there, in plan order, those of reworked changes too.

    Arguments:
        project: the project.

    Raises:
        PlanError: its plan cannot be read.
    """
    return [
        ScriptFile(path, action, project.variables_for(action))
        for change in project.plan
        for action in _ACTIONS
        if (path := project.script_file(action, change)).is_file()
    ]


def chosen_files(project: Project, paths: Sequence[Path]) -> list[ScriptFile]:
    """Return these files, and the scripts below these folders.

    Arguments:
        project: tells by its folders what a script is for; one outside of them is for deploying.
        paths: files and folders.
    """
    return [
        ScriptFile(path, purpose, project.variables_for(purpose))
        for path in dict.fromkeys(_expanded(paths, project.extension))
        for purpose in [_purpose(project, path)]
    ]


def _expanded(paths: Sequence[Path], extension: str) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob(f"*.{extension}")) if path.is_dir() else [path]


def _purpose(project: Project, path: Path) -> Purpose:
    folders: dict[Purpose, tuple[Path, Path]] = {
        "deploy": (project.deploy_dir, project.reworked_deploy_dir),
        "revert": (project.revert_dir, project.reworked_revert_dir),
        "verify": (project.verify_dir, project.reworked_verify_dir),
    }
    parents = path.resolve().parents
    for purpose, candidates in folders.items():
        if any(folder.resolve() in parents for folder in candidates):
            return purpose
    # Not of this project: then the usual names of the folders tell.
    return next((known for known in folders if known in path.resolve().parts), "deploy")
