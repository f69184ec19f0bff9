"""The plan is built as the database would have it, so a sound one never differs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from carecli.database import client_program
from carecli.verification import Part
from carecli.verification.drift import Scratch, begin_scratch, find_drift
from carecli.verification.drift.environment import make_database
from carecli.verification.drift.scratch import SUPERUSER, find_programs
from tests.plugins.chaos import ProjectMaker, Start, Step, wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.drift import mend, target_of
from tests.plugins.postgres import TestServer

Drift = Callable[..., Part]

# What an application has before ours is deployed to it.
PREPARATIONS = {
    "less": """
        drop table public.conversations, public.conversation_participants, public.messages,
            public.user_restrictions cascade;
        drop policy help_requests_select_approved on public.help_requests;
        alter table public.profiles alter column verification_status drop default,
            alter column verification_status type text;
        alter table public.profiles drop column is_admin;
        alter default privileges in schema public revoke all on tables
            from anon, authenticated, service_role;
        alter default privileges in schema public revoke all on functions
            from anon, authenticated, service_role;
        drop publication supabase_realtime;
    """,
    "other": """
        create type public.request_status as enum
            ('open', 'in_progress', 'completed', 'cancelled', 'closed');
        drop index public.help_requests_status_idx;
        alter table public.help_requests drop constraint help_requests_status_known;
        alter table public.help_requests alter column status drop default,
            alter column status type public.request_status using status::public.request_status;
        alter default privileges grant all on tables to anon;
        drop publication supabase_realtime;
        reset role;
        create publication supabase_realtime for all tables;
    """,
}

NEIGHBOURS = """
create table public.posts (id uuid primary key, author uuid references auth.users (id));
alter table public.posts enable row level security;
create policy posts_open on public.posts for select using (true);
create function public.post() returns integer language sql return 1;
create function public.keep() returns trigger language plpgsql as 'begin return new; end';
create trigger posts_keep before update on public.posts for each row
    execute function public.keep();
create view public.authors as select distinct author from public.posts;
create schema shop;
create table shop.goods (id bigint generated always as identity, price numeric);
grant all on all tables in schema shop to anon;
create table public.stars (conversation_id uuid references public.conversations_v2 (id));
create view public.own_conversations with (security_invoker = true) as
    select id from public.conversations_v2;
create publication reports for table public.posts;
alter table public.profiles add column nickname text;
create index profiles_nickname_idx on public.profiles (nickname);
"""


@pytest.fixture
def drift(scratch: Scratch) -> Drift:
    """Give a function that compares a database with a plan, by default ours."""

    def found(
        database: TestDatabase, project: Path | None = None, *, superuser: bool = False
    ) -> Part:
        url = database.superuser_url if superuser else database.url
        with target_of(url, project) as target:
            return find_drift(target, scratch=lambda: scratch)

    return found


def test_database_of_supabase(server: TestServer, scratch: Scratch) -> None:
    """A database called postgres, as each one on Supabase is, can be made anew and again."""
    with server.administration() as live:
        for _ in range(2):
            make_database(scratch.server, "postgres", SUPERUSER, {}, live, surroundings="none")
    with psycopg.connect(scratch.server.url("postgres")) as connection:
        owner = connection.execute(
            "select datdba::regrole::text from pg_database where datname = 'postgres'"
        ).fetchone()
    assert owner == (SUPERUSER,)


def test_sound_database(migrated: TestDatabase, drift: Drift) -> None:
    """A database that has the whole plan, and nothing else, does not differ."""
    part = drift(migrated)
    assert (part.findings, part.skipped) == ((), None)
    assert part.checked > 500


def test_part_of_the_plan(database: TestDatabase, drift: Drift, carecli_run: Run) -> None:
    """What is not deployed is not missed."""
    carecli_run("migrate", "--to", "@v0.1.0", "--yes", "-d", database.url, check=0)
    part = drift(database)
    assert (part.findings, part.skipped) == ((), None)
    database.execute("alter table public.messages_v2 disable row level security")
    (finding,) = drift(database).findings
    assert finding.object == "row level security of public.messages_v2"


@pytest.mark.parametrize("name", PREPARATIONS)
def test_other_application(
    database: TestDatabase, drift: Drift, carecli_run: Run, name: str
) -> None:
    """The plan is built upon tables, types and privileges as the application has them."""
    with database.connect(superuser=True) as connection:
        connection.execute(f"set role {database.server.migrating_role}; {PREPARATIONS[name]}")
    carecli_run("migrate", "--yes", "--no-verify", "-d", database.url, check=0)
    part = drift(database)
    assert (part.findings, part.skipped) == ((), None)


def test_neighbours(migrated: TestDatabase, drift: Drift) -> None:
    """What others have beside ours, and refer to ours with, is theirs."""
    migrated.execute(NEIGHBOURS)
    assert drift(migrated).findings == ()


def test_days_go_by(migrated: TestDatabase, drift: Drift) -> None:
    """Partitions come and go; one that is not as the others are differs."""
    migrated.execute(
        "update messaging.event_log_settings set days_ahead = 12;"
        "select messaging.maintain_event_log();"
    )
    ((first, last),) = migrated.execute(
        "select min(relname), max(relname) from pg_class where relname ~ '^rpc_events_[0-9]+$'"
    )
    migrated.execute(f"drop table messaging.{first}")
    assert drift(migrated).findings == ()
    migrated.execute(f"grant select on messaging.{last} to authenticated")
    (finding,) = drift(migrated).findings
    assert finding.object == f"privileges of authenticated on table messaging.{last}"


def test_dumped_and_restored(
    migrated: TestDatabase, empty_database: TestDatabase, drift: Drift, tmp_path: Path
) -> None:
    """A restored copy does not differ, though every object in it was made from a text."""
    programs = ("pg_dump", "pg_restore")
    dump, restore = (client_program(name, server_version=18) for name in programs)
    assert dump is not None
    assert restore is not None
    file = tmp_path / "dump"
    subprocess.run([dump, "-Fc", "-f", file, migrated.superuser_url], check=True)
    # It complains about what a newer program sets and an older server does not know.
    subprocess.run(
        [restore, "-d", empty_database.superuser_url, file], check=False, capture_output=True
    )
    part = drift(empty_database)
    assert (part.findings, part.skipped) == ((), None)


def test_without_a_registry(migrated: TestDatabase, drift: Drift) -> None:
    """A database that nobody recorded anything in is measured by the whole plan."""
    migrated.execute("drop schema sqitch cascade; drop function public.send_message_v2")
    (finding,) = drift(migrated).findings
    assert finding.object == "function public.send_message_v2(uuid,uuid,text)"


def test_asked_by_a_superuser(migrated: TestDatabase, drift: Drift) -> None:
    """Whoever asks, nothing differs because somebody else has deployed."""
    assert drift(migrated, superuser=True).findings == ()
    migrated.execute("drop schema sqitch cascade")
    assert drift(migrated, superuser=True).findings == ()


def test_nothing_of_the_plan(database: TestDatabase, drift: Drift) -> None:
    """A database with nothing of the plan in it does not differ from it: nothing was deployed."""
    part = drift(database)
    assert (part.findings, part.skipped) == ((), "nothing of the plan is in the database")


def test_everything_gone(migrated: TestDatabase, drift: Drift) -> None:
    """Where the registry says that it is deployed, what is gone is missed."""
    migrated.execute("drop schema messaging cascade; drop table public.messages_v2")
    objects = {finding.object for finding in drift(migrated).findings}
    assert {"schema messaging", "table public.messages_v2"} <= objects


def test_edited_registry(migrated: TestDatabase, drift: Drift) -> None:
    """A script that is not the one that the registry has is found, with both hashes."""
    migrated.execute("update sqitch.changes set script_hash = 'x' where change = 'rollout'")
    (finding,) = drift(migrated).findings
    assert (finding.check, finding.object) == ("drift_scripts", "change rollout")
    assert "--- registry\n+++ file\n-x\n+" in finding.detail
    migrated.execute(finding.remediation)
    assert drift(migrated).findings == ()


def test_unknown_change(migrated: TestDatabase, drift: Drift) -> None:
    """A database that is ahead of the plan cannot be measured by it."""
    migrated.execute(
        "update sqitch.changes set change_id = reverse(change_id)"
        " where committed_at = (select max(committed_at) from sqitch.changes)"
    )
    assert "is not in the plan" in str(drift(migrated).skipped)


GOODS = """
create schema shop;
create table shop.goods (id serial primary key, price numeric);
create domain shop.amount as numeric check (value > 0);
create materialized view shop.prices as select price from shop.goods;
create view shop.cheap as select id from shop.goods where price < 1;
create function shop.count_cheap() returns bigint language sql
    return (select count(*) from shop.cheap);
create procedure shop.sell() language sql as 'select 1';
create publication goods for table shop.goods (id) where (id > 1);
"""


def test_other_project(
    empty_database: TestDatabase, drift: Drift, make_project: ProjectMaker, carecli_run: Run
) -> None:
    """Any sqitch project is compared, on a server without anything of Supabase."""
    folder = make_project(
        Step("goods", GOODS),
        Step("index", "create index concurrently goods_index on shop.goods (price);"),
    )
    carecli_run("migrate", "-C", folder, "-d", empty_database.url, "--yes", check=0)
    part = drift(empty_database, folder)
    assert (part.findings, part.skipped) == ((), None)
    empty_database.execute("alter publication goods set (publish = 'insert')")
    (finding,) = drift(empty_database, folder).findings
    assert finding.object == "publication goods"
    empty_database.execute("drop schema shop cascade")
    mend(empty_database, drift(empty_database, folder).findings)
    assert drift(empty_database, folder).findings == ()


def test_project_of_the_application(
    empty_database: TestDatabase, drift: Drift, make_project: ProjectMaker, carecli_run: Run
) -> None:
    """A project that makes itself what our platform has beforehand is compared too."""
    folder = make_project(
        Step("auth", "create schema auth; create table public.profiles (id uuid primary key);")
    )
    carecli_run("migrate", "-C", folder, "-d", empty_database.url, "--yes", check=0)
    part = drift(empty_database, folder)
    assert (part.findings, part.skipped) == ((), None)


def test_project_that_cannot_be_built(
    empty_database: TestDatabase, drift: Drift, make_project: ProjectMaker, carecli_run: Run
) -> None:
    """A plan that needs what only that database has is left out, with the reason."""
    empty_database.execute("create table public.theirs ()")
    folder = make_project(Step("ours", "alter table public.theirs add column ours text;"))
    carecli_run("migrate", "-C", folder, "-d", empty_database.url, "--yes", check=0)
    part = drift(empty_database, folder)
    assert part.findings == ()
    assert "cannot be built in a scratch server" in str(part.skipped)
    assert "public.theirs" in str(part.skipped)


@pytest.mark.peer("postgresql-15")
def test_other_version(
    server: TestServer, migrated: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only another version's programs are found, nothing differs for that, and it is said."""
    other = next(
        (
            found
            for major in (18, 15)
            if (found := find_programs(major))[1] not in (server.version, None)
        ),
        None,
    )
    assert other is not None
    monkeypatch.setattr("carecli.verification.drift.building.find_programs", lambda major: other)
    with target_of(migrated.url) as target, begin_scratch(target) as ready:
        assert find_drift(target, scratch=ready).findings == ()
        migrated.execute("drop function public.send_message_v2")
        (finding,) = find_drift(target, scratch=ready).findings
    assert f"built on PostgreSQL {other[1]}" in finding.detail


FIND = (
    "import sys; from carecli.settings import Settings;"
    "from carecli.migrator.target import open_target;"
    "from carecli.verification.running import run_verification\n"
    "with open_target(Settings(database_url=sys.argv[1]), read_only=True) as target:\n"
    "    print(run_verification(target, parts=sys.argv[2:]).parts[-1].findings)"
)


def start(database: TestDatabase, folder: Path, *first: str) -> subprocess.Popen[str]:
    """Start a comparison in a process of its own, after those parts, with a temporary folder."""
    return subprocess.Popen(
        [sys.executable, "-c", FIND, database.url, *first, "drift"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a temporary folder with a short name, which a server's own account can enter."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def await_postmaster(folder: Path) -> Path:
    """Wait until a scratch server runs in this folder, and return its process below /proc."""

    def number() -> list[str]:
        # The file is made first and filled then.
        return [
            line
            for file in folder.glob("carecli-scratch-*/data/postmaster.pid")
            for line in file.read_text().splitlines()[:1]
        ]

    wait_for("a scratch server", number)
    return Path("/proc", number()[0])


@pytest.mark.slow
@pytest.mark.parametrize("first", [(), ("changes", "probes")])
def test_interrupted(migrated: TestDatabase, folder: Path, first: tuple[str, ...]) -> None:
    """SIGTERM stops the scratch server and removes its data, also while another part is at work."""
    process = start(migrated, folder, *first)
    postmaster = await_postmaster(folder)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=180)
    assert process.returncode != 0
    assert list(folder.iterdir()) == []
    wait_for("its end", lambda: not postmaster.exists())


@pytest.mark.slow
@pytest.mark.parametrize("signals", [0, 1, 2])
@pytest.mark.parametrize("moment", ["data.new-*", "data/postmaster.pid"])
def test_fault_of_another_part(
    migrated: TestDatabase, carecli_start: Start, folder: Path, moment: str, signals: int
) -> None:
    """However far the server has come, and however often one presses Ctrl-C, nothing stays."""
    command = carecli_start(
        "verify", "--drift", "--changes", *(("--from", "nix") if moment == "data.new-*" else ()),
        "-d", migrated.url, env={"TMPDIR": str(folder)},
    )  # fmt: skip

    def begun() -> bool:
        # What fails at once may have taken it away again, also between two looks at the folder.
        with suppress(FileNotFoundError):
            if any(folder.glob(f"carecli-scratch-*/{moment}")):
                return True
        return command.process.poll() is not None

    wait_for("the server to begin", begun)
    for _ in range(signals):
        command.send(signal.SIGINT)
    command.finish()
    assert list(folder.iterdir()) == []
    wait_for("the end of its processes", lambda: not at_work(folder))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_has_its_exit_code(
    migrated: TestDatabase, carecli_start: Start, folder: Path, number: signal.Signals, code: int
) -> None:
    """As with every other command, and without a traceback."""
    command = carecli_start("verify", "-d", migrated.url, env={"TMPDIR": str(folder)})
    wait_for("the server to begin", lambda: list(folder.glob("carecli-scratch-*/data.new-*")))
    command.send(number)
    ended = command.finish()
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert list(folder.iterdir()) == []


def at_work(folder: Path) -> list[Path]:
    """Return the processes that are at work below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(process)
    return found


@pytest.mark.slow
def test_killed(migrated: TestDatabase, folder: Path) -> None:
    """What a killed run left behind is cleared away by the next, which leaves nothing."""
    process = start(migrated, folder)
    postmaster = await_postmaster(folder)
    process.kill()
    process.communicate()
    said, errors = start(migrated, folder).communicate(timeout=120)
    assert said == "()\n", errors
    assert list(folder.iterdir()) == []
    wait_for("its end", lambda: not postmaster.exists())
