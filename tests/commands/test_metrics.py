"""`carecli metrics`, once."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import psycopg
import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People
from tests.plugins.terminal import OpenTerminal

WATCHER = "carecli_test_watcher"


@pytest.fixture
def adopted(migrated: TestDatabase, people: People) -> TestDatabase:
    """Give a database with one conversation."""
    migrated.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message)"
        " values (%s, %s, %s, 'I can help you')",
        people.open_request,
        people.rosa,
        people.ben,
    )
    return migrated


def fail_calls(database: TestDatabase, count: int = 30) -> None:
    """Write rows of creations that the server did not manage."""
    database.execute(
        "select messaging.record_call('startHelpConversation', clock_timestamp(),"
        " jsonb_build_object('success', false, 'error', 'server_error', 'http_status', 500,"
        " 'message', 'x', 'request_id', 'v2_9_' || number), null)"
        " from generate_series(1, %s) as number",
        count,
    )


def test_screen_says_whether_messaging_is_healthy(carecli_run: Run, adopted: TestDatabase) -> None:
    """The first line is the verdict of the rules; under it each metric has one line."""
    lines = carecli_run("metrics", "-d", adopted.url, check=0).stdout.splitlines()
    assert lines[0].startswith("OK - no rule fires; ")
    assert lines[1] == ""
    assert lines[2].split() == [
        "metric", "series", "value", "unit", "target", "verdict", "window", "trend",
    ]  # fmt: skip
    names = [line.split()[0] for line in lines[3:]]
    assert names == sorted(set(names))
    assert {"v2_adoption", "rpc_latency_seconds", "connection_pool_used"} <= set(names)


def test_screen_says_what_to_do(carecli_run: Run, adopted: TestDatabase) -> None:
    """Calls that fail make rules fire; each stands there with its action."""
    fail_calls(adopted)
    done = carecli_run("metrics", "-d", adopted.url, check=0)
    first, *others = done.stdout.splitlines()
    assert first.startswith("CRITICAL - ")
    fired = next(at for at, line in enumerate(others) if "creation_success_rollback" in line)
    assert others[fired].startswith("CRITICAL ")
    assert others[fired + 1].startswith("    ")
    (line,) = [line for line in others if line.startswith("conversation_creation_success_rate")]
    assert line.split()[:6] == [
        "conversation_creation_success_rate", "0", "ratio", ">", "0.99", "breach",
    ]  # fmt: skip
    assert line.endswith("▁")


def test_one_metric_has_all_its_series(carecli_run: Run, adopted: TestDatabase) -> None:
    """Who asks for it by name is told all of it, and nothing else."""
    fail_calls(adopted)
    done = carecli_run("metrics", "-d", adopted.url, "--metric", "v2_adoption", check=0)
    heading, *lines = done.stdout.splitlines()
    assert heading.startswith("metric ")
    assert [line.split()[2] for line in lines] == ["v2_conversations", "v1_conversations", "share"]
    assert "CRITICAL" not in done.stdout


def test_all_series(carecli_run: Run, adopted: TestDatabase) -> None:
    """The option gives every metric as many lines as it has values."""
    done = carecli_run("metrics", "-d", adopted.url, "--all", check=0)
    assert done.stdout.count("\nv2_adoption ") == 3
    assert done.stdout.startswith("OK - ")


def test_json_has_stable_fields(carecli_run: Run, adopted: TestDatabase) -> None:
    """A program gets numbers as numbers, and the header's words."""
    done = carecli_run(
        "metrics", "-d", adopted.url, "--metric", "v2_with_initial_message", "--format", "json"
    )
    (metric,) = json.loads(done.stdout)
    assert metric.pop("help")
    assert metric == {
        "metric": "v2_with_initial_message",
        "unit": "conversations",
        "type": "gauge",
        "window": "all",
        "window_seconds": None,
        "target": "percent = 100",
        "status": "ok",
        "verdict": "ok",
        "problem": None,
        "samples": [
            {"labels": {}, "measure": "total", "value": 1, "verdict": ""},
            {"labels": {}, "measure": "with_message", "value": 1, "verdict": ""},
            {"labels": {}, "measure": "percent", "value": 100.0, "verdict": "ok"},
        ],
    }


def test_csv_has_a_line_for_each_measure(carecli_run: Run, adopted: TestDatabase) -> None:
    """A spreadsheet gets one header and one line a value."""
    done = carecli_run(
        "metrics", "-d", adopted.url, "--metric", "v2_adoption", "--window", "30d",
        "--format", "csv",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["measure"], float(row["value"])) for row in rows] == [
        ("v2_conversations", 1),
        ("v1_conversations", 0),
        ("share", 1),
    ]
    assert {row["window"] for row in rows} == {"30 days"}


def test_prometheus_text(carecli_run: Run, adopted: TestDatabase) -> None:
    """It is that of the exporter, with the rules."""
    done = carecli_run("metrics", "-d", adopted.url, "--format", "prometheus", check=0)
    assert "\ncarecli_active_conversations_v2 1.0\n" in done.stdout
    assert "\ncarecli_rule_firing{" in done.stdout
    assert done.stdout.endswith("\n")
    assert not done.stdout.endswith("\n\n")


def test_no_data_is_called_so(carecli_run: Run, migrated: TestDatabase) -> None:
    """Nothing was begun: the table says so, and the program is told."""
    arguments = ("metrics", "-d", migrated.url, "--metric", "v2_adoption")
    line = carecli_run(*arguments, check=0).stdout.splitlines()[-1]
    assert line.split() == ["v2_adoption", "-", "conversations", "no", "data", "7", "days"]
    (metric,) = json.loads(carecli_run(*arguments, "--format", "json", check=0).stdout)
    assert (metric["status"], metric["verdict"], metric["samples"]) == ("no data", "no data", [])


@pytest.mark.parametrize("form", ["table", "json", "csv", "prometheus"])
def test_old_plan(carecli_run: Run, database: TestDatabase, form: str) -> None:
    """Without the functions the metrics are unavailable, which is said once, with what to do."""
    done = carecli_run("metrics", "-d", database.url, "--format", form, check=0)
    said = [line for line in done.stderr.splitlines() if "unavailable" in line]
    assert len(said) == 1
    assert "does not exist" in said[0]
    assert "carecli migrate" in said[0]
    assert "rpc_latency_seconds" in said[0]
    if form == "table":
        assert done.stdout.startswith("UNKNOWN - the alert rules could not be judged: ")
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("rpc_latency")]
        assert "unavailable" in line


def test_member_of_pg_monitor_sees_it_all(carecli_run: Run, adopted: TestDatabase) -> None:
    """A role that only watches needs no more."""
    with adopted.server.administration() as connection:
        connection.execute(f"drop role if exists {WATCHER}")
        connection.execute(f"create role {WATCHER} login password 'x' in role pg_monitor")
    try:
        given = {**adopted.server.migrator, "user": WATCHER, "password": "x"}
        conninfo = psycopg.conninfo.make_conninfo("", **given, dbname=adopted.name)
        done = carecli_run("metrics", "-d", conninfo, check=0)
        assert done.stdout.startswith("OK - ")
        assert "unavailable" not in done.stdout + done.stderr
        assert "active_conversations_v2_total" in done.stdout
    finally:
        with adopted.server.administration() as connection:
            connection.execute(f"drop role {WATCHER}")


def test_check_is_what_alerts_says(carecli_run: Run, adopted: TestDatabase) -> None:
    """The line with its figures, what follows, and the exit code are the same."""
    for expected in (0, 2):
        check = carecli_run("metrics", "-d", adopted.url, "--check", check=expected)
        alerts = carecli_run("alerts", "-d", adopted.url, check=expected)
        # Connections come and go.
        words = [done.stdout.split(" | ")[0] for done in (check, alerts)]
        assert words[0] == words[1]
        assert " | '" in check.stdout.splitlines()[0]
        fail_calls(adopted)


def test_check_in_json(carecli_run: Run, adopted: TestDatabase) -> None:
    """A program gets the same object from both."""
    done = carecli_run("metrics", "-d", adopted.url, "--check", "--format", "json", check=0)
    found = json.loads(done.stdout)
    assert (found["status"], found["exit_code"]) == ("OK", 0)
    assert found["alerts"]


@pytest.mark.parametrize(
    "options",
    [
        ("-d", "postgresql://127.0.0.1:1/x"),
        ("--format", "csv"),
        ("--format", "yaml"),
        ("--metric", "v2_adoption"),
        ("--window", "6h"),
        ("--watch", "1"),
        ("--all",),
        ("--bogus",),
    ],
)
def test_check_that_knows_nothing(carecli_run: Run, options: tuple[str, ...]) -> None:
    """A plugin that was called wrongly must not look like a state of messaging."""
    done = carecli_run("metrics", "--check", *options, check=3)
    assert done.stdout.startswith("UNKNOWN - ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--metric", "v2_adoptoin"), "v2_adoption"),
        (("--window", "soon"), "7 days"),
        (("--watch", "1", "--format", "json"), "--watch is a screen"),
        (("--watch", "x"), "x"),
        (("--watch", "0"), "0"),
        (("--watch",), "needs a terminal"),
        (("--watch", "5"), "needs a terminal"),
    ],
)
def test_usage_errors(carecli_run: Run, options: tuple[str, ...], said: str) -> None:
    """They say what would be right; no database is asked."""
    done = carecli_run("metrics", "-d", "postgresql:///", *options, check=2)
    assert said in done.stderr
    assert "Database:" not in done.stderr


def test_no_connection(carecli_run: Run) -> None:
    """It is the exit code of the contract."""
    carecli_run("metrics", "-d", "postgresql://127.0.0.1:1/x", check=3)


def test_help_has_an_example(carecli_run: Run) -> None:
    """The help shows how the command is used, and names what belongs to it."""
    stdout = carecli_run("metrics", "--help").stdout
    assert "carecli metrics --metric v2_adoption" in stdout
    assert {"show", "serve", "export"} <= {line.split()[0] for line in stdout.splitlines() if line}
    assert "--watch" in carecli_run("metrics", "show", "--help").stdout


def test_unknown_subcommand(carecli_run: Run) -> None:
    """Only modules that are there are commands."""
    assert "No such command 'shwo'" in carecli_run("metrics", "shwo", check=2).stderr


def test_terminal_gets_colours_and_its_width(
    carecli_terminal: OpenTerminal, adopted: TestDatabase
) -> None:
    """No line is wider than the terminal, and what is bad is red."""
    fail_calls(adopted)
    terminal = carecli_terminal("metrics", "-d", adopted.url, columns=80)
    assert terminal.finish() == 0
    assert "\x1b[31m" in terminal.output
    shown = terminal.text.splitlines()
    assert max(map(len, shown[1:])) <= 80
    assert "▁" in terminal.text


def test_no_color(carecli_terminal: OpenTerminal, adopted: TestDatabase) -> None:
    """Who wants none gets none."""
    terminal = carecli_terminal("metrics", "-d", adopted.url, env={"NO_COLOR": "1"})
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.output
    assert "connection_pool_used" in terminal.output


def test_terminal_without_blocks(carecli_terminal: OpenTerminal, adopted: TestDatabase) -> None:
    """A terminal of another encoding gets letters."""
    fail_calls(adopted)
    terminal = carecli_terminal(
        "metrics", "-d", adopted.url, columns=120, env={"PYTHONIOENCODING": "ascii"}
    )
    assert terminal.finish() == 0
    line = next(line for line in terminal.text.splitlines() if "creation_success_rate" in line)
    assert line.endswith("_")
    assert terminal.text.isascii()


@pytest.mark.parametrize(
    ("options", "heavy"),
    [
        ((), set()),
        (("--format", "json"), set()),
        (("--format", "csv"), set()),
        (("--check",), set()),
        (("--format", "prometheus"), {"prometheus_client"}),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(
    migrated: TestDatabase, options: tuple[str, ...], heavy: set[str]
) -> None:
    """The command starts as fast as migrate does: what takes long is for who asks for it."""
    arguments = ["metrics", "-d", migrated.url, *options]
    code = (
        "import sys; from carecli.__main__ import _keep_from_asking_for_versions as spare; spare();"
        f" from carecli.cli import main; main({arguments!r}); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert loaded & {"rich", "prometheus_client", "yoyo", "importlib.metadata"} == heavy


def test_target_of_a_project(
    carecli_run: Run, adopted: TestDatabase, make_project: ProjectMaker
) -> None:
    """The database may be a target of sqitch.conf."""
    project = make_project(Step("one", "select 1;"))
    with (project / "sqitch.conf").open("a") as file:
        file.write(f'[target "live"]\n\turi = {adopted.sqitch_uri}\n')
    done = carecli_run("metrics", "-C", project, "-t", "live", check=0)
    assert done.stdout.startswith("OK - ")
