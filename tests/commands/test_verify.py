"""`carecli verify` finds what is not as the plan says, and leaves no trace."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from carecli.formats import format_names
from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

STEPS = [
    Step(name, f"create table {name} ();", f"drop table {name};", f"select from {name};")
    for name in ("one", "two", "three")
]


@pytest.fixture
def project(make_project: ProjectMaker, carecli_run: Run, empty_database: TestDatabase) -> Path:
    """Give a project of three changes, deployed."""
    folder = make_project(*STEPS)
    carecli_run("migrate", "-C", folder, "-d", empty_database.url, "--yes", check=0)
    return folder


class Verify:
    """Calls `carecli verify` on the project."""

    def __init__(self, run: Run, project: Path, url: str) -> None:
        self._run, self._where = run, ("-C", project, "-d", url)

    def text(self, *options: str | Path, check: int = 0) -> str:
        """Return what it prints of the changes."""
        return self._run("verify", *self._where, "--changes", *options, check=check).stdout

    def told(self, *options: str | Path, check: int = 0) -> str:
        """Return what it says beside that."""
        return self._run("verify", *self._where, "--changes", *options, check=check).stderr

    def answer(self, *options: str | Path, check: int = 0) -> Any:
        """Return the answer for a program: the only part, the one on changes."""
        (part,) = json.loads(self.text("--format", "json", *options, check=check))["parts"]
        return part

    def verdicts(self, *options: str | Path, check: int = 0) -> dict[str, str]:
        """Return the verdict of each change."""
        outcomes = self.answer(*options, check=check)["outcomes"]
        return {item["name"].removeprefix("change "): item["verdict"] for item in outcomes}


@pytest.fixture
def verify(carecli_run: Run, project: Path, empty_database: TestDatabase) -> Verify:
    """Give the command for the deployed project."""
    return Verify(carecli_run, project, empty_database.url)


def test_all_is_well(verify: Verify) -> None:
    """A sound database passes."""
    text = verify.text()
    assert text.startswith("changes .. ok  3 checked in ")
    assert text.endswith("\nNo findings.\n")


def test_failure_is_a_finding_with_its_place(
    verify: Verify, project: Path, empty_database: TestDatabase
) -> None:
    """A failed script is found at its line, with the server's words and what to do."""
    empty_database.execute("drop table two")
    (finding,) = verify.answer(check=1)["findings"]
    assert finding["object"] == "change two"
    assert (finding["check"], finding["level"]) == ("failed", "error")
    assert (finding["path"], finding["line"]) == (str(project / "verify/two.sql"), 1)
    assert 'relation "two" does not exist' in finding["detail"]
    assert "carecli verify --drift" in finding["remediation"]


def test_failed_script(verify: Verify, project: Path, empty_database: TestDatabase) -> None:
    """A change that was undone by hand is a finding; the place in its script is named."""
    empty_database.execute("drop table two")
    assert verify.verdicts(check=1) == {"one": "ok", "two": "failed", "three": "ok"}
    text = verify.text(check=1)
    assert f"{project / 'verify/two.sql'}:1\n      relation" in text
    assert "        |             ^\n" in text
    assert "changes .. 1 finding  3 checked" in text
    assert text.endswith("Findings: 1 error.\n")


def test_range(verify: Verify, empty_database: TestDatabase) -> None:
    """`--from` and `--to` leave the rest out."""
    empty_database.execute("drop table two")
    assert verify.verdicts("--from", "three") == {"three": "ok"}
    assert verify.verdicts("--to", "one") == {"one": "ok"}


def test_unknown_change(
    verify: Verify, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """A deployed change that the plan does not have is a finding."""
    make_project(*STEPS[:2])
    assert verify.verdicts(check=1) == {"one": "ok", "two": "ok", "three": "unknown"}


def test_gap(verify: Verify, empty_database: TestDatabase) -> None:
    """A change that is missing between deployed ones is a finding."""
    empty_database.execute("delete from sqitch.changes where change = 'two'")
    assert verify.verdicts(check=1) == {"one": "ok", "three": "ok", "two": "not deployed"}


def test_order(verify: Verify, empty_database: TestDatabase) -> None:
    """Changes that were deployed in another order than planned are a finding."""
    empty_database.execute(
        "update sqitch.changes set committed_at = clock_timestamp() where change = 'two'"
    )
    assert verify.verdicts(check=1) == {"one": "ok", "three": "ok", "two": "out of order"}


def test_edited_script(verify: Verify, project: Path) -> None:
    """A change whose deploy script is another one than what was deployed is a finding."""
    with (project / "deploy/two.sql").open("a") as script:
        script.write("-- more")
    assert verify.verdicts(check=1) == {"one": "ok", "two": "edited", "three": "ok"}
    assert "carecli rework two" in verify.text(check=1)


def test_edited_registry(verify: Verify, empty_database: TestDatabase) -> None:
    """A registry that names another script than the plan has is a finding."""
    empty_database.execute(
        "update sqitch.changes set script_hash = repeat('0', 40) where change = 'two'"
    )
    assert verify.verdicts(check=1) == {"one": "ok", "two": "edited", "three": "ok"}


def test_registry_without_hashes(verify: Verify, empty_database: TestDatabase) -> None:
    """Old versions of sqitch kept no hash of the script: that is no finding."""
    empty_database.execute("update sqitch.changes set script_hash = null")
    assert set(verify.verdicts().values()) == {"ok"}


def test_missing_script(verify: Verify, project: Path) -> None:
    """A change without a verify script is shown, and is no finding."""
    (project / "verify/two.sql").unlink()
    assert verify.verdicts() == {"one": "ok", "two": "no script", "three": "ok"}


def test_leaves_no_trace(verify: Verify, project: Path, empty_database: TestDatabase) -> None:
    """Whatever a verify script does is rolled back, with and without its own BEGIN."""
    write = "create table trace (); insert into sqitch.projects values ('x', null, now(), '', '');"
    (project / "verify/one.sql").write_text(write)
    (project / "verify/two.sql").write_text(f"begin; {write} rollback;")
    verify.verdicts()
    assert empty_database.execute("select to_regclass('trace')") == [(None,)]
    assert empty_database.execute("select project from sqitch.projects") == [("small",)]


def test_goes_on_after_a_failure(
    verify: Verify, project: Path, empty_database: TestDatabase
) -> None:
    """One broken script does not hide what the later ones find."""
    (project / "verify/one.sql").write_text("\\! rm")
    empty_database.execute("drop table three")
    assert verify.verdicts(check=1) == {"one": "failed", "two": "ok", "three": "failed"}


def test_nothing_deployed(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """An empty database is not taken for a sound one, and has no registry afterwards."""
    text = Verify(carecli_run, make_project(*STEPS), empty_database.url).text(check=1)
    assert "Nothing was verified; not looked at: changes." in text
    assert "the database has no registry" in text
    assert "Pending: one, two, three" in text
    assert empty_database.execute("select to_regnamespace('sqitch')") == [(None,)]


def test_range_that_runs_backwards(
    empty_database: TestDatabase, project: Path, carecli_run: Run
) -> None:
    """A range with nothing in it is an error, not a success."""
    place = ("-C", project, "-d", empty_database.url)
    said = carecli_run("verify", "--from", "two", "--to", "one", *place, check=2).stderr
    assert "two was deployed after one" in said


def test_range_without_changes(carecli_run: Run, project: Path) -> None:
    """A range of changes that are not to be verified is a mistake, and nobody is asked."""
    said = carecli_run("verify", "--contract", "--from", "two", "-C", project, check=2).stderr
    assert "Add --changes." in said
    assert "Database:" not in said


def test_ignore(verify: Verify, empty_database: TestDatabase, tmp_path: Path) -> None:
    """What the file names is left out and counted; a pattern for nothing is told."""
    empty_database.execute("drop table two")
    ignore = tmp_path / "ignore"
    ignore.write_text("changes/failed change two # until Friday\nchanges/failed change t?o2\n")
    text = verify.text("--ignore", ignore)
    assert "changes .. ok  3 checked" in text
    assert text.endswith("No findings; 1 ignored.\n")
    told = verify.told("--ignore", ignore)
    assert f"Note: {ignore}:2: nothing was found that changes/failed change t?o2" in told


def test_malformed_ignore(verify: Verify, tmp_path: Path) -> None:
    """A file with a faulty line is an error with its place, before any database is asked."""
    ignore = tmp_path / "ignore"
    ignore.write_text("# fine\nnonsense\n")
    said = verify.told("--ignore", ignore, check=2)
    assert f"{ignore}:2: 'nonsense' does not name a part and a check" in said
    assert "Database:" not in said


def test_forms(verify: Verify, empty_database: TestDatabase) -> None:
    """Each form goes to stdout alone, names the object, and has the exit code of all."""
    empty_database.execute("drop table two")
    for output in format_names():
        said = verify.text("--format", output, check=1)
        assert "change two" in said, output
        if output in ("json", "sarif"):
            json.loads(said)
        if output == "junit":
            ElementTree.fromstring(said)  # noqa: S314 - our own text


def test_colours_in_a_terminal_only(
    verify: Verify, carecli_run: Run, project: Path, empty_database: TestDatabase
) -> None:
    """A terminal gets colours, unless NO_COLOR is set; a file gets none."""
    where = ("-C", str(project), "-d", empty_database.url)
    command = [str(carecli_run.program), "verify", "--changes", *where]

    def in_terminal(**env: str) -> bytes:
        ours, its = pty.openpty()
        with subprocess.Popen(
            command, env=carecli_run.environment(env), stdin=its, stdout=its,
            stderr=subprocess.DEVNULL, cwd=carecli_run.home,
        ) as process:  # fmt: skip
            os.close(its)
            said = b""
            while b"No findings." not in said:
                said += os.read(ours, 4096)
            assert process.wait() == 0
        os.close(ours)
        return said

    assert b"\x1b[32mok\x1b[0m" in in_terminal()
    assert b"\x1b" not in in_terminal(NO_COLOR="1")
    assert "\x1b" not in verify.text()


def parts(run: Run, *options: str | Path, check: int = 0) -> dict[str, Any]:
    """Return the parts of a verification by their names."""
    answer = json.loads(run("verify", "--format", "json", *options, check=check).stdout)
    return {part["part"]: part for part in answer["parts"]}


@pytest.mark.slow
def test_all_parts(carecli_run: Run, migrated: TestDatabase) -> None:
    """On a sound database every part runs and finds nothing."""
    found = parts(carecli_run, "-d", migrated.url)
    assert list(found) == ["changes", "contract", "probes", "drift"]
    assert {name for name, part in found.items() if part["skipped"]} == set()
    assert min(part["checked"] for part in found.values()) > 10
    assert [part["findings"] for part in found.values()] == [[], [], [], []]


@pytest.mark.parametrize("name", ["changes", "contract"])
def test_one_part(carecli_run: Run, migrated: TestDatabase, name: str) -> None:
    """Each part runs alone when it is named."""
    assert list(parts(carecli_run, f"--{name}", "-d", migrated.url)) == [name]


@pytest.mark.slow
def test_project_of_somebody_else(
    carecli_run: Run, project: Path, empty_database: TestDatabase
) -> None:
    """A sound project that has nothing of messaging is sound."""
    found = parts(carecli_run, "-C", project, "-d", empty_database.url)
    assert (found["changes"]["checked"], found["changes"]["skipped"]) == (3, None)
    assert found["contract"]["skipped"]


def test_without_a_registry(carecli_run: Run, migrated: TestDatabase) -> None:
    """What was made by hand has no registry: changes say so, and the rest is checked."""
    migrated.execute("drop schema sqitch cascade")
    found = parts(carecli_run, "--changes", "--contract", "-d", migrated.url)
    assert "no registry" in found["changes"]["skipped"]
    assert found["contract"]["skipped"] is None
    assert found["contract"]["checked"] > 10


def test_part_that_cannot_work(carecli_run: Run, migrated: TestDatabase) -> None:
    """A part that the server does not let look is an error that names it, and no clean bill."""
    with migrated.connect(superuser=True) as superuser:
        superuser.execute("revoke select on pg_catalog.pg_proc from public")
    done = carecli_run("verify", "--contract", "-d", migrated.url, check=1)
    assert done.stdout == ""
    assert "the contract part could not do its work" in done.stderr
    assert "permission denied for table pg_proc" in done.stderr


def test_table_that_somebody_holds(verify: Verify, empty_database: TestDatabase) -> None:
    """Who holds a table is no fault of a change: the script could not look."""
    other = empty_database.connect()
    with other.transaction():
        other.execute("lock table two in access exclusive mode")
        told = verify.told(check=4)
    assert "two.sql told nothing: canceling statement due to lock timeout" in told


def test_deadlock_is_tried_again(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """A script that loses to another transaction runs again, in a new one."""
    lost_once = (
        "do $$ begin if nextval('attempts') < 3 then"
        " raise exception 'lost' using errcode = 'deadlock_detected'; end if; end $$;"
    )
    folder = make_project(Step("one", "create sequence attempts;", "", lost_once))
    where = ("-C", folder, "-d", empty_database.url)
    carecli_run("migrate", *where, "--no-verify", "--yes", check=0)
    carecli_run("verify", *where, "--changes", check=0)
    assert empty_database.execute("select last_value from attempts") == [(3,)]
