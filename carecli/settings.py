"""What the user asked for on the command line and in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Settings"]


class Settings(NamedTuple):
    """The choices that every command shares; None means: not said.

    Arguments:
        directory: folder of the sqitch project (`-C`).
        plan_file: plan to read instead of the project's own.
        registry: schema of the sqitch registry.
        database_url: `postgresql://` or `db:pg:` URI, or a libpq conninfo.
        target: name of a target or engine of `sqitch.conf`.
        embedded: True, the embedded server; False, never; None, where nothing else is named.
        env_file: file of `NAME=value` lines that the environment is completed from.
        variables: psql variables (`--set`).
        verbosity: -1 quiet, 0 normal, 1 verbose, 2 every statement.
    """

    directory: Path | None = None
    plan_file: Path | None = None
    registry: str | None = None
    database_url: str | None = None
    target: str | None = None
    embedded: bool | None = None
    env_file: Path | None = None
    variables: Mapping[str, str] = MappingProxyType({})
    verbosity: int = 0
