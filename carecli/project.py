"""A sqitch project: its configuration, its plan and where its scripts are."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Literal

from carecli.config import Config
from carecli.errors import InvalidUsage
from carecli.plan import Change, Plan, read_plan
from carecli.resources import data_directory

__all__ = ["Project", "Action"]

Action = Literal["deploy", "revert", "verify"]

_ENGINES = frozenset({"pg", "pgsql", "postgres", "postgresql"})
_PLAN_FILE = "sqitch.plan"


class Project:
    """A folder with a plan, its scripts, and the settings of one of its targets.

    Arguments:
        directory: the folder to which all relative paths of the configuration are relative.
        config: its configuration.
        plan_file: a plan to read instead of the configured one.
        target: name of a target or engine, or a database URI; None for the configured default.

    Raises:
        InvalidUsage: there is no such target, or it is not one for PostgreSQL.
    """

    def __init__(
        self,
        directory: Path,
        config: Config,
        *,
        plan_file: Path | None = None,
        target: str | None = None,
    ) -> None:
        self.directory = directory
        self.config = config
        self.target_name, self.target_uri = _resolve_target(config, target)
        self.top_dir = self._directory("top_dir", directory)
        self.plan_file = self._plan_file(plan_file)
        self.deploy_dir = self._directory("deploy_dir", self.top_dir / "deploy")
        self.revert_dir = self._directory("revert_dir", self.top_dir / "revert")
        self.verify_dir = self._directory("verify_dir", self.top_dir / "verify")
        reworked = self.reworked_dir = self._directory("reworked_dir", self.top_dir)
        self.reworked_deploy_dir = self._directory("reworked_deploy_dir", reworked / "deploy")
        self.reworked_revert_dir = self._directory("reworked_revert_dir", reworked / "revert")
        self.reworked_verify_dir = self._directory("reworked_verify_dir", reworked / "verify")
        self.extension = self.setting("extension") or "sql"
        self.registry = self.setting("registry") or "sqitch"

    @classmethod
    def load(
        cls,
        directory: Path | None = None,
        *,
        plan_file: Path | None = None,
        target: str | None = None,
    ) -> Project:
        """Find a project and read its configuration; the plan is read when it is asked for.

        Arguments:
            directory: its folder. None: the current one where it is a project or a plan is named,
                else the migrations that come with carecli.
            plan_file: a plan to read instead of the configured one.
            target: name of a target or engine, or a database URI.

        Raises:
            InvalidUsage: there is no such target, or it is not one for PostgreSQL.
            SourceError: a configuration file has an error in it.
        """
        if directory is None:
            directory = Path()
            if plan_file is None and not _is_project(directory):
                directory = data_directory("migrations")
        config = Config.load(directory)
        return cls(directory, config, plan_file=plan_file, target=target)

    @cached_property
    def plan(self) -> Plan:
        """The plan.

        Raises:
            PlanError: sqitch would not accept it.
        """
        return read_plan(self.plan_file)

    @property
    def variables(self) -> dict[str, str]:
        """The psql variables that the configuration sets for deploying."""
        return self.variables_for("deploy")

    def variables_for(self, action: Action) -> dict[str, str]:
        """Return the psql variables that the configuration sets for an action.

        Arguments:
            action: what is to be run: reverting and verifying know deploy's variables too.
        """
        sections = ["core", "deploy", action, "engine.pg"]
        if self.target_name is not None:
            sections.append(f"target.{self.target_name}")
        found: dict[str, str] = {}
        for section in dict.fromkeys(sections):
            found |= self.config.section(f"{section}.variables")
        return found

    def setting(self, name: str) -> str | None:
        """Return a setting of the target, else of the engine, else of the project.

        Arguments:
            name: such as `top_dir` or `registry`.
        """
        target = f"target.{self.target_name}.{name}" if self.target_name is not None else None
        for key in (target, f"engine.pg.{name}", f"core.{name}"):
            value = self.config.get(key) if key is not None else None
            if value:
                return value
        return None

    def deploy_file(self, change: Change) -> Path:
        """Return the path of a change's deploy script, whether or not there is one."""
        return self.script_file("deploy", change)

    def revert_file(self, change: Change) -> Path:
        """Return the path of a change's revert script, whether or not there is one."""
        return self.script_file("revert", change)

    def verify_file(self, change: Change) -> Path:
        """Return the path of a change's verify script, whether or not there is one."""
        return self.script_file("verify", change)

    def script_file(self, action: Action, change: Change) -> Path:
        """Return the path of one of a change's scripts, whether or not there is one."""
        return self._script_directory(action, change).joinpath(*self._segments(change))

    def script_hash(self, change: Change) -> str | None:
        """Return the SHA-1 of a change's deploy script, None where there is none."""
        path = self.deploy_file(change)
        if not path.is_file():
            return None
        # The registry compares scripts by it; nothing is protected by it.
        return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()

    def _segments(self, change: Change) -> list[str]:
        """Return folder names and file name: of a reworked change, by the first tag that fits."""
        *folders, name = change.name.split("/")
        plain = f"{name}.{self.extension}"
        if not change.is_reworked:
            return [*folders, plain]
        names = [f"{name}{tag.format_name}.{self.extension}" for tag in change.rework_tags]
        directory = self._script_directory("deploy", change).joinpath(*folders)
        existing = (name for name in names if (directory / name).exists())
        return [*folders, next(existing, names[0])]

    def _script_directory(self, action: Action, change: Change) -> Path:
        plain = {"deploy": self.deploy_dir, "revert": self.revert_dir, "verify": self.verify_dir}
        reworked = {
            "deploy": self.reworked_deploy_dir,
            "revert": self.reworked_revert_dir,
            "verify": self.reworked_verify_dir,
        }
        return (reworked if change.is_reworked else plain)[action]

    def _directory(self, name: str, default: Path) -> Path:
        value = self.setting(name)
        return self.directory / value if value else default

    def _plan_file(self, named: Path | None) -> Path:
        if named is not None:
            return named
        value = self.setting("plan_file")
        return self.directory / value if value else self.top_dir / _PLAN_FILE


def _is_project(directory: Path) -> bool:
    names = ("sqitch.conf", _PLAN_FILE)
    return bool(os.environ.get("SQITCH_CONFIG")) or any(
        (directory / name).is_file() for name in names
    )


def _resolve_target(config: Config, target: str | None) -> tuple[str | None, str | None]:
    """Return name and URI of the target, as sqitch chooses it (App::Sqitch::Target)."""
    engine = (config.get("core.engine") or "pg").strip()
    name = target or os.environ.get("SQITCH_TARGET") or config.get("core.target")
    if name is None:
        _require_postgresql(engine, f"core.engine is {engine}")
        name = config.get("engine.pg.target")
    elif name in _ENGINES and not config.section(f"target.{name}"):
        name = config.get("engine.pg.target") or "db:pg:"
    if name is None:
        return None, None
    if ":" in name:
        _require_postgresql(_engine_of(name), f"the target {_without_password(name)}")
        return _without_password(name), name
    uri = config.get(f"target.{name}.uri")
    if uri is None:
        known = sorted({key.split(".")[1] for key in config if key.startswith("target.")})
        raise InvalidUsage(
            f'no target "{name}" in the configuration'
            if not config.section(f"target.{name}")
            else f'target "{name}" has no uri',
            hint=f"known targets: {', '.join(known) or 'none'}; a target is a section "
            f'[target "{name}"] with a uri in sqitch.conf',
        )
    _require_postgresql(_engine_of(uri), f'target "{name}"')
    return name, uri


def _engine_of(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    return rest.partition(":")[0].lower() if scheme.lower() == "db" else scheme.lower()


def _require_postgresql(engine: str, what: str) -> None:
    if engine not in _ENGINES:
        raise InvalidUsage(
            f"carecli runs PostgreSQL projects only: {what}",
            hint="name a target whose uri begins with db:pg: or postgresql:",
        )


def _without_password(uri: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    prefix = uri[:3] if uri.lower().startswith("db:") else ""
    parts = urlsplit(uri[len(prefix) :])
    userinfo, at, host = parts.netloc.rpartition("@")
    netloc = f"{userinfo.partition(':')[0]}{at}{host}"
    return prefix + urlunsplit(parts._replace(netloc=netloc)) if at else uri
