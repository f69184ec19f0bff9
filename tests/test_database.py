"""Which database is chosen, and that its password is never shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from carecli.database import choose, client_program, connect, libpq_conninfo, redact
from carecli.errors import CannotConnect, InvalidUsage
from carecli.project import Project
from carecli.settings import Settings
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

VARIABLES = ("CARECLI_DATABASE_URL", "DATABASE_URL", "CI", "CARECLI_ENV")


@pytest.fixture(autouse=True)
def _no_database_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("PG") or name in VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture
def project(make_project: ProjectMaker) -> Callable[[str | None], Project]:
    """Give a function that loads a project with two targets, one of them the default."""

    def load(target: str | None) -> Project:
        folder = make_project(Step("one", "select 1;"))
        (folder / "sqitch.conf").write_text(
            '[core]\n\tengine = pg\n[engine "pg"]\n\ttarget = db:pg://h/from_engine\n'
            '[target "named"]\n\turi = db:pg://h/from_target\n'
        )
        return Project.load(folder, target=target)

    return load


def test_order_of_the_sources(
    project: Callable[[str | None], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source loses to those before it in the contract's list."""
    found = []
    environment = [
        ("PGDATABASE", "from_libpq"),
        ("DATABASE_URL", "postgresql:///from_url"),
        ("CARECLI_DATABASE_URL", "postgresql:///from_carecli_url"),
    ]
    found.append(choose(Settings(), project(None)).conninfo)
    for name, value in environment:
        monkeypatch.setenv(name, value)
        found.append(choose(Settings(), project(None)).conninfo)
    found.append(choose(Settings(target="named"), project("named")).conninfo)
    found.append(choose(Settings(database_url="dbname=from_option"), project(None)).conninfo)
    names = [conninfo_to_dict(item)["dbname"] for item in found]
    assert names == [
        *("from_engine", "from_libpq", "from_url"),
        *("from_carecli_url", "from_target", "from_option"),
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("CI", "true"), ("CI", "1"), ("CARECLI_ENV", "production")]
)
def test_no_silent_default(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI and in production the embedded server is not taken unless asked for."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidUsage) as caught:
        choose(Settings())
    assert name in caught.value.message
    assert "--database-url" in (caught.value.hint or "")


def test_no_embedded() -> None:
    """`--no-embedded` without a database is an error that says how to name one."""
    with pytest.raises(InvalidUsage) as caught:
        choose(Settings(embedded=False))
    assert "DATABASE_URL" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "settings",
    [
        Settings(database_url="dbname=x", target="named"),
        Settings(database_url="dbname=x", embedded=True),
    ],
)
def test_two_at_once_are_refused(settings: Settings) -> None:
    """Two databases named at once are a mistake, not a matter of order."""
    with pytest.raises(InvalidUsage):
        choose(settings)


def test_env_file_is_read_only_when_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` in the current folder is left alone; a named file loses to the environment."""
    file = tmp_path / ".env"
    file.write_text("DATABASE_URL=postgresql:///from_file\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidUsage):
        choose(Settings(embedded=False))
    assert choose(Settings(env_file=file)).conninfo == "postgresql:///from_file"
    monkeypatch.setenv("DATABASE_URL", "postgresql:///from_environment")
    assert choose(Settings(env_file=file)).conninfo == "postgresql:///from_environment"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("db:pg://u@h:1/n", {"user": "u", "host": "h", "port": "1", "dbname": "n"}),
        ("db:pg:n", {"dbname": "n"}),
        ("db:postgresql:///n", {"dbname": "n"}),
        ("pg://h/n", {"host": "h", "dbname": "n"}),
        ("postgres://h/n", {"host": "h", "dbname": "n"}),
        ("host=h dbname=n", {"host": "h", "dbname": "n"}),
    ],
)
def test_forms_of_a_url(written: str, expected: dict[str, str]) -> None:
    """sqitch's URIs, libpq's and conninfo strings mean the same."""
    assert conninfo_to_dict(libpq_conninfo(written, source="x")) == expected


@pytest.mark.parametrize("written", ["db:mysql://h/n", "nonsense", "db:sqlite:x"])
def test_what_is_no_url(written: str) -> None:
    """Other engines and rubbish are refused with the forms that would do."""
    with pytest.raises(InvalidUsage) as caught:
        libpq_conninfo(written, source="--database-url")
    assert "postgresql://" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://u:s3cret@h/n",
        "postgresql://h/n?user=u&password=s3cret",
        "host=h password=s3cret options='-c app.key=s3cret'",
        "postgresql://h/n?sslpassword=s3cret&sslkey=s3cret",
    ],
)
def test_redaction(conninfo: str) -> None:
    """No form of a connection string shows its secrets."""
    label = redact(conninfo)
    assert "s3cret" not in label
    assert "h" in label


def test_failed_connection_keeps_the_secret() -> None:
    """The server's words are told, the password is not."""
    with pytest.raises(CannotConnect) as caught:
        connect("postgresql://u:s3cret@127.0.0.1:1/n")
    said = f"{caught.value.message}{caught.value.detail}{caught.value.hint}"
    assert "s3cret" not in said
    assert "refused" in said


def test_which_database_is_said(
    empty_database: TestDatabase,
    make_project: ProjectMaker,
    run_here: Here,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every run names the database and the source of the choice on stderr."""
    folder = make_project(Step("one", "select 1;"))
    monkeypatch.setenv("DATABASE_URL", empty_database.url)
    said = run_here("status", "-C", folder, check=0).stderr
    assert f"/{empty_database.name}" in said
    assert "(DATABASE_URL)" in said


def test_client_program_is_as_new_as_the_server(empty_database: TestDatabase) -> None:
    """Of two pg_dumps the one that understands the server is taken."""
    found = client_program("pg_dump", server_version=empty_database.server.version)
    assert found is not None
    assert found.name == "pg_dump"
    assert client_program("nosuchprogram") is None


def test_env_file_with_a_line_that_says_nothing(carecli_run: Run, tmp_path: Path) -> None:
    """A line that is no setting is named with its file and number; no other database is taken."""
    file = tmp_path / "wrong.env"
    file.write_text("# fine\ngarbage line here\n")
    said = carecli_run("status", "--env-file", file, check=2).stderr
    assert f"{file}:2: this is no setting" in said
