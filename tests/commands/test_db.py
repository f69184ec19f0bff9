"""`carecli db` manages the embedded server."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from carecli.embedded.default import wheel_binaries
from tests.plugins.command import Run
from tests.plugins.scratch import roomy_folder
from tests.plugins.terminal import OpenTerminal


@pytest.fixture(scope="module")
def kept_home() -> Iterator[Run]:
    """The command, with one server for all tests here."""
    home = Path(tempfile.mkdtemp(prefix="carecli-home-", dir=roomy_folder()))
    run = Run(home)
    yield run
    run("db", "stop", check=0)
    shutil.rmtree(home)


@pytest.fixture
def run(kept_home: Run) -> Run:
    """The command, with its server started."""
    kept_home("db", "start", check=0)
    return kept_home


def client(*command: str | Path, **variables: str) -> str:
    """Run another program, and return what it prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    return done.stdout


def test_start_prints_the_url_alone(run: Run) -> None:
    """The answer on stdout is the URL, and nothing else."""
    assert run("db", "start", check=0).stdout.startswith("postgresql://postgres@/carecli?host=/")


def test_url_suits_any_client(run: Run) -> None:
    """psql and pg_dump accept it, whatever the environment says about other servers."""
    url = run("db", "url", check=0).stdout.strip()
    elsewhere = {"PGPORT": "1", "PGUSER": "nobody", "PGDATABASE": "none", "PGHOST": "nowhere"}
    assert client("psql", url, "-Atc", "select current_user", **elsewhere) == "postgres\n"
    dump = client(wheel_binaries() / "pg_dump", "--schema-only", url, **elsewhere)
    assert "CREATE TABLE auth.users" in dump


def test_url_suits_sqitch(run: Run, tmp_path: Path) -> None:
    """sqitch accepts it behind `db:`."""
    url = run("db", "url", check=0).stdout.strip()
    subprocess.run(["sqitch", "init", "some", "--engine", "pg"], cwd=tmp_path, check=True)
    told = subprocess.run(
        ["sqitch", "status", f"db:{url}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "No changes deployed" in told.stdout + told.stderr


def test_url_starts_the_server(run: Run) -> None:
    """The URL of a stopped server would suit no client."""
    run("db", "stop", check=0)
    run("db", "url", check=0)
    assert run("db", "status").returncode == 0


def test_status_of_a_running_server(run: Run) -> None:
    """All that there is to know, as JSON."""
    told = json.loads(run("db", "status", "--format", "json", check=0).stdout)
    assert told.keys() == {"running", "pid", "version", "data", "log", "url", "size"}
    assert (told["running"], told["version"]) == (True, 18)
    assert Path(f"/proc/{told['pid']}").is_dir()
    assert told["size"] > 2**20
    assert told["url"] == run("db", "url", check=0).stdout.strip()


def test_status_of_a_stopped_server(run: Run) -> None:
    """Its exit code is that of a database that cannot be connected to."""
    run("db", "stop", check=0)
    told = run("db", "status", check=3)
    assert "stopped" in told.stdout


def test_status_without_a_server(carecli_run: Run) -> None:
    """Looking makes nothing."""
    told = carecli_run("db", "status", "--format", "json", check=3)
    assert json.loads(told.stdout)["size"] is None
    assert list(carecli_run.home.iterdir()) == []


def test_stop_twice(run: Run) -> None:
    """The second stop finds nothing to do, and is content."""
    assert run("db", "stop", check=0).stderr == "Stopped.\n"
    assert run("db", "stop", check=0).stderr == "It was not running.\n"


def test_quiet(run: Run) -> None:
    """With -q only the answer is printed."""
    run("db", "stop", check=0)
    assert run("-q", "db", "start", check=0).stderr == ""


def test_psql_takes_its_own_options(run: Run) -> None:
    """What follows `db psql` is psql's."""
    told = run("db", "psql", "-At", "-c", "select current_database()", "--quiet", check=0)
    assert told.stdout == "carecli\n"


def test_psql_reads_stdin_and_keeps_its_exit_code(run: Run) -> None:
    """psql stands in for the command altogether."""
    told = run("db", "psql", "-v", "ON_ERROR_STOP=1", input="select nonsense;", check=3)
    assert "nonsense" in told.stderr


@pytest.mark.parametrize("answer", ["y\n", ""])
def test_reset_wants_agreement(run: Run, answer: str) -> None:
    """Where nobody can be asked, and --yes is not given, nothing is dropped."""
    run("db", "psql", "-c", "create table if not exists public.mine ()", check=0)
    told = run("db", "reset", input=answer, check=5)
    assert "Agree beforehand with --yes" in told.stderr
    kept = run("db", "psql", "-Atc", "select to_regclass('public.mine')", check=0)
    assert kept.stdout == "mine\n"


def test_ctrl_c_at_the_question_of_reset(carecli_terminal: OpenTerminal) -> None:
    """It is no answer, but the end of the command, with the exit code of every Ctrl-C."""
    terminal = carecli_terminal("db", "reset")
    terminal.wait_until("the question", lambda: "[y/N]" in terminal.text)
    terminal.press(b"\x03")
    assert terminal.finish() == 130
    assert "nothing more was done" in terminal.text


def test_question_of_reset_needs_no_stdout(carecli_run: Run) -> None:
    """The question is on stderr, and its answer is read though nothing can be said on stdout."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [carecli_run.program, "db", "reset"],
        env=carecli_run.environment(),
        stdin=theirs,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.close(1),
        text=True,
    )
    os.write(ours, b"n\n")
    _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, "not confirmed; nothing was done" in said) == (5, True)


def test_reset_with_sample(run: Run) -> None:
    """The database is new, and has the sample people."""
    run("db", "psql", "-c", "create table if not exists public.mine ()", check=0)
    url = run("db", "reset", "--sample", "--yes", check=0).stdout.strip()
    found = "select to_regclass('public.mine') is null, count(*) > 0 from public.profiles"
    assert client("psql", url, "-Atc", found) == "t|t\n"


@pytest.mark.parametrize("name", ["", "start", "stop", "status", "url", "psql", "reset"])
def test_help_has_an_example(carecli_run: Run, name: str) -> None:
    """Each command shows how it is used."""
    assert "Example:" in carecli_run("db", *name.split(), "--help", check=0).stdout
