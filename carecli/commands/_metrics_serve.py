"""`carecli metrics serve`: an exporter for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import DURATION, database_options
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.exporting.rounds import Rounds
    from carecli.exporting.server import Exporter

__all__ = ["serve"]


@click.command("serve", short_help="Serve the metrics and alerts to Prometheus.")
@click.option(
    "--listen",
    default="127.0.0.1:9187",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; [::1]:9187 for IPv6, port 0 for any free one.",
)
@click.option(
    "--cache",
    type=DURATION,
    default="5s",
    show_default=True,
    help="How long what was read is shown for, before the database is asked again.",
)
@click.option(
    "--timeout",
    type=DURATION,
    default="8s",
    show_default=True,
    help="Longest time for all queries of a scrape; keep it below Prometheus's own.",
)
@database_options
def serve(*, settings: Settings, listen: str, cache: int, timeout: int) -> None:
    """Serve the metrics and alerts to Prometheus, until Ctrl-C.

    /metrics is OpenMetrics or Prometheus's text format, as the caller wants it; /healthz says
    whether the exporter lives and how the database was. Scrapes share one round of queries over
    one connection. Where the database cannot be reached, carecli_up is 0.

    \b
    Examples:
      carecli metrics serve -d postgresql://watcher@db.example/app
      carecli metrics serve --listen [::1]:9187 --cache 15s
    """
    import gc
    import logging

    from carecli.database import announce, choose
    from carecli.errors import InvalidUsage
    from carecli.exporting.rounds import Rounds
    from carecli.exporting.server import Exporter, parse_listen
    from carecli.exporting.source import DatabaseSource
    from carecli.monitoring import load_metrics
    from carecli.project import Project

    address = parse_listen(listen)
    if timeout < 100:
        raise InvalidUsage("--timeout is shorter than any query", hint="Give 100ms or more.")
    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    choice = choose(settings, project)
    metrics = load_metrics()

    def tell(line: str) -> None:
        if settings.verbosity >= 0:
            click.echo(f"carecli metrics serve: {line}", err=True)

    # What psycopg says of a lost connection is told in our words, without the server's.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    source = DatabaseSource(choice.conninfo, metrics, tell=tell)
    rounds = Rounds(source, limit=timeout / 1000, keep=cache / 1000)
    with Exporter(address, rounds) as exporter:
        announce(settings, choice)
        # Set for commands that end at once (`carecli.__main__`); this one must not grow. What is
        # loaded by now stays, so a collection need not look at it.
        gc.set_threshold(700, 10, 10)
        gc.freeze()
        _serve_until_signalled(exporter, rounds)


def _serve_until_signalled(exporter: Exporter, rounds: Rounds) -> None:
    """Answer requests until Ctrl-C or SIGTERM, and end with the exit code of that signal.

    Raises:
        CarecliError: requests cannot be taken any more.
    """
    from carecli.errors import CarecliError
    from carecli.interrupts import interruptible, signal_of

    over = None
    try:
        with interruptible():
            over = exporter.begin_serving()
            click.echo(f"Serving metrics on {exporter.url}")
            over.wait()
        raise CarecliError("requests are not taken any more", detail="See the traceback above.")
    except KeyboardInterrupt as interrupt:
        # That is how one ends it: nothing went wrong, and nothing is left to say.
        raise click.exceptions.Exit(128 + signal_of(interrupt)) from None
    finally:
        if over is not None:
            exporter.shutdown()
        exporter.server_close()
        rounds.close()
