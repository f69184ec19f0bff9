"""`carecli report` writes the page for a hand-over, whatever the database is like."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from tests.plugins.browser import PHONE, Browser
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan
from tests.plugins.obstacles import standby
from tests.plugins.postgres import TestServer
from tests.plugins.reports import HOSTILE

Report = Callable[..., str]

# A call of two methods every eight seconds for two hours; of the newest hour one in three fails.
CALLS = """
insert into messaging.rpc_events
    (occurred_at, request_id, service, method, event, error_code, version, duration_ms)
select
    now() - make_interval(secs => number * 8 + 1),
    method || number,
    'MessagingServiceV2',
    method,
    case when fails then 'server_error' else 'success' end,
    case when fails then 'server_error' end,
    'v2',
    40 + number %% 60
from generate_series(0, 899) as number
cross join unnest(array['startHelpConversation', 'sendMessage']) as method
cross join lateral (select %(failing)s and number < 450 and number %% 3 = 0) as outcome (fails)
"""


@pytest.fixture
def report(carecli_run: Run, migrated: TestDatabase, tmp_path: Path) -> Report:
    """Give a function that writes a report of the migrated database and returns the page."""

    def write(*options: str, url: str | None = None) -> str:
        file = tmp_path / "report.html"
        carecli_run("report", "--out", file, "-d", url or migrated.url, *options, check=0)
        return file.read_text(encoding="utf-8")

    return write


def fill(database: TestDatabase, *, failing: bool = False) -> None:
    """Write two hours of calls into the event log."""
    database.connect().execute(CALLS, {"failing": failing})


def text(page: str) -> str:
    """Return what a person reads, without the style."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.partition("</style>")[2]).split())


def test_healthy(report: Report, migrated: TestDatabase) -> None:
    """With calls that succeed: a verdict, plots with something in them, each part."""
    fill(migrated)
    page = report("--window", "2h")
    assert 'class="verdict healthy"' in page
    for part in ("alerts", "metrics", "errors", "rollout", "tables", "migrations"):
        assert f'<section id="{part}"' in page
    assert page.count('class="plot"') >= 4
    assert page.count('class="line s1"') >= 4
    assert "2 hours, since" in text(page)
    assert "Not available" not in page
    assert "Could not be measured" not in page


def test_broken(report: Report, migrated: TestDatabase, carecli_run: Run, tmp_path: Path) -> None:
    """What fires stands on top, with what was measured and what to do."""
    fill(migrated, failing=True)
    words = text(report("--window", "2h"))
    assert "Critical: " in words
    assert "error_rate_critical" in words.replace(" ", "")
    actions = migrated.execute(
        "select action from messaging.evaluate_alerts() where state = 'firing'"
    )
    assert actions
    for (action,) in actions:
        assert " ".join(action.split()) in words
    done = carecli_run("report", "-o", tmp_path / "again.html", "-d", migrated.url, check=0)
    assert re.match(r"Critical: \d+ alerts? fires?\. The report is in ", done.stdout)


def test_empty_log(report: Report) -> None:
    """Before the first call there is no data, which is neither zero nor healthy."""
    page = report()
    assert 'class="verdict unknown"' in page
    assert page.count("No data in the last 24 hours.") >= 4
    assert 'class="line' not in page


def test_history_and_gate(
    report: Report, carecli_run: Run, migrated: TestDatabase, people: People
) -> None:
    """The flag, who changed it and why, and what the next phase waits for; no one's id."""
    migrated.execute("select messaging.add_internal_tester(%s, 'two phones')", people.ben)
    name = {"SQITCH_FULLNAME": "Ada", "SQITCH_EMAIL": "ada@example.org"}
    for strategy, reason in (("internal", "the team tries it"), ("percentage:10", HOSTILE)):
        arguments = ("set", strategy, "--reason", reason, "-d", migrated.url)
        carecli_run("rollout", *arguments, env=name, check=0)
    page = report()
    words = text(page)
    assert "internal \N{RIGHTWARDS ARROW} percentage:10 Ada &lt;ada@example.org&gt;" in words
    assert "the team tries it" in words
    assert "Gate to percentage:50" in words
    assert "Condition State Measured Wanted Sample success rate" in words
    assert str(people.ben) not in page
    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_window_is_that_of_the_errors(report: Report, migrated: TestDatabase) -> None:
    """A longer window has more of them, and says how long it is."""
    fill(migrated, failing=True)
    week, minutes = text(report("--window", "7d")), text(report("--window", "30 min"))
    assert "(last 7 days) Code Calls Share Of all all 300 16.67 %" in week
    found = re.search(r"\(last 30 minutes\) Code Calls Share Of all all (\d+) 33", minutes)
    assert found is not None
    assert 100 < int(found[1]) < 200


def test_messages_are_not_in_it(
    report: Report, call: Call, people: People, migrated: TestDatabase
) -> None:
    """What people wrote to each other is nobody else's."""
    secret = "The key is under the flower pot"
    arguments = (people.open_request, people.ben, secret)
    call(people.ben, "create_conversation_atomic", *arguments)
    page = report()
    assert migrated.execute("select count(*) from public.conversations_v2") == [(1,)]
    assert "flower pot" not in page


def test_password_is_not_in_it(carecli_run: Run, migrated: TestDatabase, tmp_path: Path) -> None:
    """The database is named without its secrets."""
    url = migrated.url + ("&" if "?" in migrated.url else "?") + "password=hunter2secret"
    file = tmp_path / "report.html"
    done = carecli_run("report", "-o", file, "-d", url, check=0)
    assert "hunter2" not in file.read_text(encoding="utf-8") + done.stdout + done.stderr


def test_database_is_not_written_to(report: Report, migrated: TestDatabase) -> None:
    """A report works where nothing may be written."""
    owner = psycopg.sql.Identifier(migrated.name)
    migrated.connect(superuser=True).execute(
        psycopg.sql.SQL("alter database {} set default_transaction_read_only = on").format(owner)
    )
    assert "Not available" not in report()


def test_old_plan(carecli_run: Run, plan: Plan, database: TestDatabase, tmp_path: Path) -> None:
    """What the database has not got yet is said in its place; the rest is there."""
    carecli_run("migrate", "--yes", "--to", "limits", "-d", database.url, check=0)
    file = tmp_path / "report.html"
    carecli_run("report", "-o", file, "-d", database.url, check=0)
    words = text(file.read_text(encoding="utf-8"))
    assert "No verdict" in words
    assert "the database has no alert rules" in words
    assert "the database has no rollout gates" in words
    assert "Deployed; nobody is on V2 yet" in words
    assert "Last change limits" in words
    assert "Pending change What it does" in words
    assert plan.deployed == 0


def test_database_that_was_never_migrated(
    carecli_run: Run, empty_database: TestDatabase, tmp_path: Path
) -> None:
    """Even of nothing there is a report."""
    file = tmp_path / "report.html"
    done = carecli_run("report", "-o", file, "-d", empty_database.url, check=0)
    assert done.stdout.startswith("No verdict. ")
    words = text(file.read_text(encoding="utf-8"))
    assert "the database has no rollout flag" in words
    assert "Deployed nothing" in words


@pytest.fixture
def watcher(migrated: TestDatabase) -> Iterator[str]:
    """Give the URL of a role that is a member of pg_monitor and has no right of its own."""
    role = f"watcher_{migrated.name}"
    migrated.connect(superuser=True).execute(
        psycopg.sql.SQL("create role {0} login; grant pg_monitor to {0}").format(
            psycopg.sql.Identifier(role)
        )
    )
    parts = psycopg.conninfo.conninfo_to_dict(migrated.url)
    yield psycopg.conninfo.make_conninfo("", **{**parts, "user": role, "password": None})
    migrated.connect(superuser=True).execute(
        psycopg.sql.SQL("drop role {}").format(psycopg.sql.Identifier(role))
    )


def test_monitoring_role(report: Report, migrated: TestDatabase, watcher: str) -> None:
    """A member of pg_monitor sees metrics, alerts and rollout; what it may not read says so."""
    fill(migrated)
    page = report("--window", "2h", url=watcher)
    words = text(page)
    assert page.count('class="line s1"') >= 4
    assert "alert" in words.partition("Alerts")[0]
    assert "Who begins in V2 disabled" in words
    assert "Not available: permission denied for schema sqitch" in words
    assert "Could not be measured" not in words


@pytest.mark.slow
def test_standby(server: TestServer, carecli_run: Run, tmp_path: Path) -> None:
    """On a hot standby all of it is there, and it says what it is of."""
    home = Path(tempfile.mkdtemp(prefix="carecli-primary-", dir="/tmp"))
    home.chmod(0o711)
    settings = {"fsync": "off", "wal_level": "replica"}
    primary = Server(
        server.bin or wheel_binaries(),
        home / "data",
        home / "socket",
        superuser="postgres",
        settings=settings,
    )
    file = tmp_path / "report.html"
    try:
        primary.initialise(["--no-sync"])
        primary.start()
        url = primary.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            for folder in ("platform", "sample"):
                for script in sorted((Path(__file__).parents[2] / "sql" / folder).glob("*.sql")):
                    connection.execute(script.read_bytes())
        carecli_run("migrate", "--yes", "-d", url, check=0)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(CALLS, {"failing": False})
        with standby(primary, url) as copy:
            carecli_run("report", "-o", file, "-d", copy.url("postgres", "postgres"), check=0)
    finally:
        primary.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)
    page = file.read_text(encoding="utf-8")
    assert ", a hot standby" in page
    assert "Not available" not in page
    assert "Could not be measured" not in page
    assert page.count('class="line s1"') >= 4


@pytest.mark.peer("chromium")
@pytest.mark.peer("chromedriver")
@pytest.mark.slow
def test_page_is_shown(
    report: Report, migrated: TestDatabase, browser: Browser, tmp_path: Path, artefacts: Path
) -> None:
    """A page of a real database fits a telephone and asks for nothing but itself."""
    fill(migrated, failing=True)
    report("--window", "2h")
    file = tmp_path / "report.html"
    browser.open(file, PHONE)
    browser.screenshot(artefacts / "report" / "database-phone.png")
    size = browser.evaluate(
        "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    )
    assert size == [PHONE.width, PHONE.width]
    asked = [url for url in browser.requests() if not url.startswith("data:,")]
    assert asked == [file.as_uri()]
    assert browser.complaints() == []


def test_standard_output(carecli_run: Run, migrated: TestDatabase) -> None:
    """With - the page is all that stands there, and no file is made."""
    done = carecli_run("report", "--out", "-", "-d", migrated.url, check=0)
    assert done.stdout.startswith("<!doctype html>\n")
    assert done.stdout.rstrip().endswith("</html>")
    assert not list(carecli_run.home.glob("*.html"))
    assert not (carecli_run.home / "-").exists()


def test_other_file_is_refused_before_any_work(carecli_run: Run, tmp_path: Path) -> None:
    """No database is asked where the file could not be written."""
    file = tmp_path / "notes.html"
    file.write_text("mine")
    done = carecli_run("report", "-o", file, "-d", "postgresql://nowhere.invalid/x", check=5)
    assert "is no report; it was left as it is" in done.stderr
    assert file.read_text() == "mine"


def test_force_replaces_any_file(report: Report, tmp_path: Path) -> None:
    """Who says so may lose it; the next report goes over this one without being told."""
    (tmp_path / "report.html").write_text("mine")
    assert report("--force").startswith("<!doctype html>")
    assert report().startswith("<!doctype html>")


def test_folder_that_is_not_there(carecli_run: Run, tmp_path: Path) -> None:
    """The error says so, before any database is asked."""
    file = tmp_path / "nowhere/report.html"
    done = carecli_run("report", "-o", file, "-d", "postgresql://nowhere.invalid/x", check=1)
    assert f"there is no folder {tmp_path / 'nowhere'}; nothing was changed" in done.stderr


def test_folder_that_is_not_writable(carecli_run: Run, migrated: TestDatabase) -> None:
    """The error says so, and nothing is left: in /proc not even root may write."""
    done = carecli_run("report", "-o", "/proc/report.html", "-d", migrated.url, check=1)
    assert done.stderr.splitlines()[-2].startswith("Error: cannot write /proc/report.html: ")
    assert "Traceback" not in done.stderr


def test_lost_server_leaves_no_file(carecli_run: Run, tmp_path: Path) -> None:
    """Without a connection there is no report, and the old one stays."""
    file = tmp_path / "report.html"
    carecli_run("report", "-o", file, "-d", "postgresql://nowhere.invalid/x", check=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("window", ["soon", "1s", "99999 weeks"])
def test_window_is_checked(carecli_run: Run, window: str) -> None:
    """One that is none, or too short or too long to be plotted, is a usage error."""
    arguments = ("--out", "x.html", "--window", window)
    done = carecli_run("report", *arguments, "-d", "postgresql:///", check=2)
    assert window in done.stderr


def test_file_has_to_be_named(carecli_run: Run) -> None:
    """Nothing is written anywhere by itself."""
    carecli_run("report", "-d", "postgresql:///", check=2)
    assert not list(carecli_run.home.glob("*.html"))
