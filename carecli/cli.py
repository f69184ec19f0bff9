"""The `carecli` command: finds the commands, renders the errors, sets the exit codes."""

from __future__ import annotations

import errno
import importlib
import os
from pathlib import Path
from typing import Any

import click

from carecli import __version__, commands
from carecli.errors import CarecliError
from carecli.settings import Settings

__all__ = ["cli", "main", "show_error"]


class CommandFolder(click.Group):
    """A group whose commands are the modules of `carecli.commands`, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the name of every module of the folder."""
        files = Path(commands.__path__[0]).iterdir()
        return sorted(file.stem for file in files if file.suffix == ".py" and file.name[0] != "_")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of that name and return its `command`."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(cls=CommandFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version")
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Work in this sqitch project. Default: the current folder where it is one, "
    "else the messaging migrations that come with carecli.",
)
@click.option("-v", "--verbose", count=True, help="Say more; twice: every statement.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what was asked for, and errors.")
@click.pass_context
def cli(ctx: click.Context, directory: Path | None, verbose: int, quiet: bool) -> None:
    """Deploy, verify, roll back and watch a PostgreSQL schema, in step with sqitch.

    \b
    Example:
      carecli migrate                     deploy to the embedded PostgreSQL
      carecli status -d postgresql://...  what is deployed there, what is pending
    """
    ctx.obj = Settings(directory=directory, verbosity=-1 if quiet else verbose)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code of the contract.

    Arguments:
        arguments: the command line without the program's name; default: the process's own.
    """
    try:
        result: Any = cli.main(
            args=arguments, prog_name="carecli", standalone_mode=False, color=_colour()
        )
    except click.exceptions.Abort as abort:
        from carecli.interrupts import signal_of

        click.echo("Aborted; nothing more was done.", err=True)
        # click makes one of every KeyboardInterrupt.
        return 128 + signal_of(abort.__cause__)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CarecliError as error:
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        click.echo("Interrupted; nothing more was done.", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`carecli log | head`): nothing to tell it.
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        click.echo(f"Error: the output could not be written: {error.strerror}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def show_error(error: CarecliError) -> None:
    """Print what is wrong, where, and what would be right, on stderr."""
    click.secho(f"Error: {error.message}", err=True, fg="red", color=_colour())
    if error.detail:
        click.echo("\n".join(f"  {line}" for line in error.detail.splitlines()), err=True)
    if error.hint:
        click.echo(f"Hint: {error.hint}", err=True)


def _colour() -> bool | None:
    """Return False where NO_COLOR asks for no colour (no-color.org), else None: click decides."""
    return False if os.environ.get("NO_COLOR") else None
