"""Options that several commands share, declared once."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import click

from carecli.errors import InvalidUsage
from carecli.settings import Settings

__all__ = [
    "DURATION",
    "database_options",
    "project_options",
    "format_option",
    "lock_options",
    "yes_option",
]

Command = Callable[..., Any]


def project_options(command: Command) -> Command:
    """Add the options that choose the sqitch project; the command gets `settings`."""

    @click.option(
        "-C",
        "--directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the sqitch project.",
    )
    @click.option(
        "-f",
        "--plan-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Plan to read instead of the project's own.",
    )
    @click.pass_obj
    @wraps(command)
    def with_project(settings: Settings, /, **options: Any) -> Any:
        chosen = _take(options, "directory", "plan_file")
        return command(settings=options.pop("settings", settings)._replace(**chosen), **options)

    return with_project


def database_options(command: Command) -> Command:
    """Add the options that choose project and database; the command gets `settings`."""

    @click.option(
        "-d",
        "--database-url",
        metavar="URL",
        help="postgresql:// or db:pg: URI, or a libpq conninfo.",
    )
    @click.option("-t", "--target", metavar="NAME", help="Target or engine of sqitch.conf.")
    @click.option(
        "--embedded/--no-embedded",
        default=None,
        help="Use the embedded PostgreSQL; never start it.",
    )
    @click.option(
        "--env-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read DATABASE_URL and the like from this file.",
    )
    @click.option("--registry", metavar="SCHEMA", help="Schema of the sqitch registry.")
    @click.option(
        "-s",
        "--set",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        help="psql variable for the scripts; may be repeated.",
    )
    @project_options
    @wraps(command)
    def with_database(*, settings: Settings, variables: tuple[str, ...], **options: Any) -> Any:
        chosen = _take(options, "database_url", "target", "embedded", "env_file", "registry")
        chosen["variables"] = {**settings.variables, **dict(map(_assignment, variables))}
        with _server_faults():
            return command(settings=settings._replace(**chosen), **options)

    return with_database


@contextmanager
def _server_faults() -> Iterator[None]:
    """Turn what the server says, where no command expected it, into a fault for a person."""
    try:
        yield
    except Exception as error:
        # Only who has imported psycopg can have got an error of it.
        psycopg = sys.modules.get("psycopg")
        if psycopg is None or not isinstance(error, psycopg.Error):
            raise
        from carecli.migrator.failure import server_fault

        raise server_fault(error) from error


def _take(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Move the named options that were given out of the options."""
    taken = {name: options.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value is not None}


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidUsage(
            f"--set {text!r} gives no value", hint="Write --set NAME=VALUE, as for psql."
        )
    return name, value


def format_option(*formats: str) -> Callable[[Command], Command]:
    """Return the option `--format` with these choices, the first one being the default."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the answer on stdout.",
    )


class Duration(click.ParamType[int]):
    """A length of time as PostgreSQL writes it: `500ms`, `5s`, `2min`; becomes milliseconds."""

    name = "duration"
    _units: ClassVar = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds, or fail with the form that is wanted."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h)?\s*", value)
        if match is None:
            self.fail(f"{value!r} is not a length of time such as 500ms, 5s or 2min", param, ctx)
        return round(float(match[1]) * self._units[match[2] or "s"])


DURATION = Duration()

_LOCK_OPTIONS = (
    click.option(
        "--lock-timeout",
        type=DURATION,
        default="5s",
        show_default=True,
        help="Longest wait of a statement for a table's lock, and so the longest that the "
        "application is held up; the change is then rolled back and tried again.",
    ),
    click.option(
        "--lock-retries",
        type=click.IntRange(0),
        default=10,
        show_default=True,
        help="How often a change is tried again after such a wait.",
    ),
    click.option(
        "--lock-wait",
        type=DURATION,
        default="60s",
        show_default=True,
        help="How long to wait for another migrator, carecli or sqitch.",
    ),
)


def lock_options(command: Command) -> Command:
    """Add the options on waiting for locks: `lock_timeout` and `lock_wait` in milliseconds."""
    for option in reversed(_LOCK_OPTIONS):
        command = option(command)
    return command


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask; do it.")
