"""`carecli metrics`: is messaging healthy, and if not, what to do."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

__all__ = ["command"]

_PREFIX = "_metrics_"


class _MetricsGroup(click.Group):
    """A group whose commands are the modules beside this one, and that shows unless told else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the name of every module `_metrics_NAME`."""
        files = Path(__file__).parent.glob(f"{_PREFIX}*.py")
        return sorted(file.stem.removeprefix(_PREFIX) for file in files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of that name and return its command, which is named so too."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__package__}.{_PREFIX}{cmd_name}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the subcommand in front of options that are not the group's own."""
        asks_help = bool(args) and args[0] in ctx.help_option_names
        if not asks_help and (not args or args[0].startswith("-")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    "metrics", cls=_MetricsGroup, short_help="Show whether messaging is healthy, and serve it."
)
def command() -> None:
    """Show whether messaging is healthy, and what the monitoring queries say. Without a
    subcommand: show, whose options `carecli metrics show --help` lists.

    \b
    Examples:
      carecli metrics
      carecli metrics --metric v2_adoption --window 30d
      carecli metrics --watch 5
      carecli metrics --check
    """
