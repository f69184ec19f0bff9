"""`carecli backfill`: copy V1 conversations into V2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carecli.commands._common import database_options, format_option, yes_option
from carecli.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from carecli.backfill import Backfill, Progress, Totals
    from carecli.backfill_report import ReportFile
    from carecli.database import Choice

__all__ = ["command"]


@click.command("backfill", short_help="Copy V1 conversations into V2, and prove that none is lost.")
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="How many conversations one transaction copies, with at most five times as many messages.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be copied, and copy nothing.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was found, with the id of each row that was skipped, as JSON into this file.",
)
@yes_option
@format_option("text", "json")
@database_options
def command(
    *,
    settings: Settings,
    batch: int,
    dry_run: bool,
    report: Path | None,
    yes: bool,
    output: str,
) -> None:
    """Copy the V1 conversations between two people into V2, with their messages and read state,
    beside live traffic. V1 is never changed. It can be stopped at any time and run again: it
    copies only what V2 has not got yet.

    At the end every row of V1 is compared with V2. Exit code 1: one is missing or different.

    \b
    Examples:
      carecli backfill --dry-run
      carecli backfill --report backfill.json -d postgresql://...
      carecli backfill --batch 200 --yes       shorter transactions
    """
    from carecli.backfill import read_progress
    from carecli.backfill_report import ReportFile, summary
    from carecli.commands._console import ending_told

    with (
        _connected(settings) as (choice, connection),
        ReportFile(report) as file,
        ending_told("nothing was being copied when it came."),
    ):
        progress = read_progress(connection)
        if not progress.has_v1:
            click.echo("Nothing to copy: the V1 tables are not there.", err=output == "json")
        if dry_run or not progress.has_v1:
            run, totals = None, _compare(connection, file)
        else:
            _ask(choice, progress, yes)
            run, totals = _copy(connection, batch, settings.verbosity, file)
        answer = summary(totals, run.tally if run is not None else None, began=progress)
        file.finish(answer)
    if output == "json":
        from carecli.commands._console import print_json

        print_json(answer)
    elif progress.has_v1:
        _print(answer)
    if run is not None and not totals.is_sound:
        raise _not_sound(answer, report)


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[Choice, psycopg.Connection]]:
    from carecli.database import announce, choose, connect
    from carecli.project import Project

    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    choice = choose(settings, project)
    announce(settings, choice)
    connection = connect(choice.conninfo, application_name="carecli backfill")
    try:
        # The comparison of millions of rows may take longer than a role is given by default.
        connection.execute("set statement_timeout = 0")
        yield choice, connection
    finally:
        connection.close()


def _ask(choice: Choice, progress: Progress, yes: bool) -> None:
    from carecli.commands._console import confirm

    if yes or choice.embedded:
        return
    what = f"{progress.conversations:,} V1 conversations with {progress.messages:,} messages"
    confirm(
        f"Copy what V2 has not got yet of {what}, in {choice}?",
        yes=yes,
        why=f"this would copy {what} into V2",
    )


def _compare(connection: psycopg.Connection, file: ReportFile) -> Totals:
    from carecli.backfill import reconcile

    file.restart()
    return reconcile(connection, None, file.add)


def _copy(
    connection: psycopg.Connection, batch: int, verbosity: int, file: ReportFile
) -> tuple[Backfill, Totals]:
    from carecli.backfill import Backfill
    from carecli.interrupts import interruptible, signal_of
    from carecli.migrator.failure import Interrupted

    bar = _Bar(verbosity)
    run = Backfill(connection, batch, bar)
    with interruptible():
        try:
            return run, run.run(file.restart, file.add)
        except KeyboardInterrupt as interrupt:
            signal = signal_of(interrupt)
            raise Interrupted(
                f"interrupted by {signal.name}",
                detail=f"State: {run.tally.conversations:,} conversations and "
                f"{run.tally.messages:,} messages were copied by this run, and stay; no batch is "
                "half done.",
                signal_number=signal,
            ) from None
        finally:
            bar.end()


class _Bar:
    """Shows on a terminal how many messages were looked at, how fast, and how long it will take.

    Arguments:
        verbosity: -1 shows nothing.
    """

    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity
        self._bar: Any = None
        self._task: Any = None

    def begin(self, total: int) -> None:
        """Open the bar of a pass."""
        self.end()
        if self._verbosity < 0 or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("messages"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)
        self._bar.start()

    def advance(self, number: int) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.advance(self._task, number)

    def say(self, message: str) -> None:
        """Print a line of its own."""
        if self._verbosity >= 0:
            click.echo(message, err=True)

    def end(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _print(answer: dict[str, Any]) -> None:
    for kind in ("conversations", "messages"):
        found = answer[kind]
        words = [
            f"{number:,} {label}"
            for label, number in (
                ("to copy" if answer["dry_run"] else "copied", found["copied"]),
                ("already there", found["already_there"]),
                ("skipped", sum(found["skipped"].values())),
                ("written meanwhile, for the next run", found["newer"]),
                ("missing", found["missing"]),
                ("different", found["different"]),
            )
            if number or label == "copied"
        ]
        click.echo(f"{kind.capitalize():<14} {', '.join(words) or 'none'}")
        for reason, number in found["skipped"].items():
            click.echo(f"{'':<14}   skipped: {reason} {number:,}")
    if not answer["dry_run"]:
        rate = answer["messages_per_second"]
        click.echo(
            f"{'Copying took':<14} {answer['seconds']:.1f} s ({rate:,.0f} messages a second); "
            f"the longest transaction, and so the longest wait of a live session, "
            f"{answer['longest_wait_seconds'] * 1000:.0f} ms"
        )


def _not_sound(answer: dict[str, Any], report: Path | None) -> Exception:
    from carecli.errors import CarecliError

    lost = [
        f"{answer[kind][outcome]:,} {kind} {outcome}"
        for kind in ("conversations", "messages")
        for outcome in ("missing", "different")
        if answer[kind][outcome]
    ]
    where = f"{report} names them" if report is not None else "--report FILE names them"
    return CarecliError(
        f"V2 has not got all of V1: {', '.join(lost)}",
        hint=f"{where}. What somebody held locked, or wrote meanwhile, is copied by the next run.",
    )
