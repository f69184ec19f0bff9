"""`carecli adopt`, and what comes after it, from each state that a database can be in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carecli.plan import read_plan
from carecli.resources import data_directory
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase
from tests.plugins.handmade import FOLDER, HANDMADE, MakeByHand, catalogue_of, drop_registry, offer
from tests.plugins.messaging import People, Plan
from tests.plugins.sqitch import Tools

FIRST = ["prerequisites", "messaging_system_v2_atomic", "fix_v2_security_definer_auth"]
TWO = [
    Step(name, f"create table {name} (id int);", verify=f"select id from {name} where false;")
    for name in ("one", "two")
]


def recorded(database: TestDatabase) -> list[str]:
    """Return the changes of the registry, in order."""
    if database.execute("select to_regclass('sqitch.changes')") == [(None,)]:
        return []
    rows = database.execute("select change from sqitch.changes order by committed_at")
    return [name for (name,) in rows]


def assert_whole(database: TestDatabase, run_here: Here, but: str = "(nothing)") -> None:
    """Migrate and verify: everything is deployed, nothing is found but what has that name."""
    run_here("migrate", "-y", "-d", database.url, check=0)
    place = ("--format", "json", "-d", database.url)
    report = json.loads(run_here("verify", "--changes", "--contract", *place).stdout)
    found = [item["object"] for part in report["parts"] for item in part["findings"]]
    assert [name for name in found if but not in name] == []
    status = json.loads(run_here("status", "--format", "json", "-d", database.url, check=0).stdout)
    assert (status["pending"], status["edited"], status["unknown"]) == ([], [], [])


@pytest.mark.parametrize("kind", HANDMADE)
def test_handmade_database_becomes_whole(
    kind: str, make_by_hand: MakeByHand, people: People, run_here: Here
) -> None:
    """Adopt, migrate, verify; no row is touched by the first, and none lost by the second."""
    database = make_by_hand(kind)
    extra = {"mood": "good", "requester_id": None} if kind == "rough" else {}
    offer(database, people, status="pending", **extra)
    rows = "select to_jsonb(c) - 'xmin' || jsonb_build_object('x', xmin::text, 'at', ctid::text)"
    rows += " from public.conversations_v2 as c"
    before = (database.execute(rows), catalogue_of(database))
    run_here("adopt", "-y", "-d", database.url, check=0)
    assert recorded(database) == FIRST
    assert (database.execute(rows), catalogue_of(database)) == before
    # What is in a column of somebody else's is not the plan's to remove.
    assert_whole(database, run_here, but="mood")
    assert database.execute("select status, helper_id from public.conversations_v2") == [
        ("active", people.ben)
    ]


def test_open_functions_are_warned_of(make_by_hand: MakeByHand, run_here: Here) -> None:
    """Whoever adopts functions that let anybody be anybody is told, however quiet it is."""
    database = make_by_hand("published fix")
    for way in (("adopt",), ("adopt", "--format", "json"), ("--quiet", "adopt")):
        said = run_here(*way, "--dry-run", "-d", database.url, check=0)
        assert "WARNING:  public.send_message_v2(uuid,uuid,text) may be called by anon" in (
            said.stderr
        )
        assert "carecli migrate" in said.stderr


def test_platform_with_nothing(database: TestDatabase, run_here: Here) -> None:
    """Where there is nothing of V2, only its prerequisites are found, and all else is deployed."""
    said = run_here("adopt", "-y", "-d", database.url, check=0).stdout
    assert "Recorded 1 change, up to prerequisites." in said
    assert_whole(database, run_here)


def test_whole_database_without_its_registry(migrated: TestDatabase, run_here: Here) -> None:
    """Every change is found, and `migrate` has nothing to do."""
    drop_registry(migrated)
    before = catalogue_of(migrated)
    run_here("adopt", "-y", "-d", migrated.url, check=0)
    assert "Nothing to deploy" in run_here("migrate", "-d", migrated.url, check=0).stdout
    assert catalogue_of(migrated) == before
    assert_whole(migrated, run_here)


EDITS = [
    "alter table conversations_v2 alter column updated_at drop not null",
    "drop index conversations_v2_helper_id_last_message_at_id_idx",
    "grant execute on function send_message_v2(uuid, uuid, text) to public",
    (FOLDER / "edits.sql").read_text(),
]


@pytest.mark.parametrize("edit", EDITS, ids=["column", "index", "privilege", "all sorts"])
def test_copy_edited_by_hand_becomes_whole(
    edit: str, migrated: TestDatabase, people: People, run_here: Here
) -> None:
    """A migrated database without its registry is found as a whole, and each edit undone."""
    before = catalogue_of(migrated)
    key = offer(migrated, people)
    drop_registry(migrated)
    migrated.execute(edit)
    said = run_here("adopt", "-y", "-d", migrated.url, check=0).stdout
    assert recorded(migrated)[-1] in ("rollout_gates", "mend_hand_edits"), said
    run_here("migrate", "-y", "-d", migrated.url, check=0)
    assert catalogue_of(migrated) ^ before == set()
    assert migrated.execute("select id::text, status from conversations_v2") == [(key, "active")]


@pytest.mark.slow
@pytest.mark.peer("sqitch")
@pytest.mark.parametrize("start", ["platform", "base", "published fix", "half", "edited"])
def test_nothing_at_all_is_found_afterwards(
    start: str, make_by_hand: MakeByHand, database: TestDatabase, tools: Tools, run_here: Here
) -> None:
    """From wherever it starts, no part of a verification has anything to say in the end."""
    if start in ("base", "published fix", "edited"):
        database = make_by_hand("base" if start == "edited" else start)
    elif start == "half":
        folder = data_directory("migrations")
        half = read_plan(folder / "sqitch.plan").changes[6]
        tools.sqitch.deploy(folder, database, "--to-change", half.id)
    place = ("-d", database.url)
    run_here("adopt", "-y", *place, check=0)
    run_here("migrate", "-y", *place, check=0)
    if start == "edited":
        drop_registry(database)
        database.execute((FOLDER / "edits.sql").read_text())
        run_here("adopt", "-y", *place, check=0)
        run_here("migrate", "-y", *place, check=0)
    assert "No findings." in run_here("verify", *place, check=0).stdout


def test_edit_that_nothing_mends_ends_the_adoption(migrated: TestDatabase, run_here: Here) -> None:
    """It is named, with what is there beyond it, and nothing behind it is recorded."""
    drop_registry(migrated)
    migrated.execute("drop table messaging.event_log_settings cascade")
    said = run_here("adopt", "-y", "-d", migrated.url, check=0)
    assert "Beyond" in said.stderr
    assert "event_log" not in recorded(migrated)


@pytest.mark.peer("sqitch")
def test_half_of_the_plan_by_sqitch(database: TestDatabase, tools: Tools, run_here: Here) -> None:
    """What sqitch has deployed is recorded already; the rest is deployed, and sqitch agrees."""
    folder = data_directory("migrations")
    half = read_plan(folder / "sqitch.plan").changes[6]
    tools.sqitch.deploy(folder, database, "--to-change", half.id)
    before = recorded(database)
    said = run_here("adopt", "-y", "-d", database.url, check=0).stdout
    assert f"Recorded already: 7 changes, up to {half.name}." in said
    assert "Nothing to adopt" in said
    assert recorded(database) == before
    assert_whole(database, run_here)
    tools.sqitch.verify(folder, database)


@pytest.mark.parametrize("count", [2, 3, 9, 10])
def test_half_of_the_plan_by_its_scripts(
    count: int, plan: Plan, database: TestDatabase, run_here: Here
) -> None:
    """Whoever ran the scripts up to a point has their database found at that point.

    A sound one needs no mending, so that change is found too where it is the next one.
    """
    plan.deploy(count)
    names = [name.partition("@")[0] for name in plan.changes]
    run_here("adopt", "-y", "-d", database.url, check=0)
    assert recorded(database) == names[: 4 if count == 3 else count]


@pytest.fixture
def two(make_project: ProjectMaker) -> Path:
    """Give a project of two tables."""
    return make_project(*TWO, name="two")


def test_dry_run_records_nothing(two: Path, empty_database: TestDatabase, run_here: Here) -> None:
    """It shows what would be recorded, without a question and without a registry."""
    empty_database.execute("create table one (id int)")
    said = run_here("adopt", "--dry-run", "-C", two, "-d", empty_database.url, check=0).stdout
    assert "one .. there" in said
    assert 'relation "two" does not exist' in said
    assert "Would record 1 change, up to one." in said
    assert recorded(empty_database) == []
    assert empty_database.execute("select to_regnamespace('sqitch')") == [(None,)]


def test_nobody_to_ask_is_refused(two: Path, empty_database: TestDatabase, run_here: Here) -> None:
    """Without --yes and without a terminal nothing is recorded."""
    empty_database.execute("create table one (id int)")
    said = run_here("adopt", "-C", two, "-d", empty_database.url, check=5).stderr
    assert "--yes" in said
    assert recorded(empty_database) == []


def test_nothing_to_adopt(two: Path, empty_database: TestDatabase, run_here: Here) -> None:
    """An empty database is no fault; neither is one that is recorded as a whole."""
    place = ("-C", two, "-d", empty_database.url)
    said = run_here("adopt", "-y", *place, check=0).stdout
    assert "Nothing to adopt: one cannot be proved." in said
    assert recorded(empty_database) == []
    run_here("migrate", "-y", *place, check=0)
    said = run_here("adopt", "-y", *place, check=0).stdout
    assert "Nothing to adopt: every change of the plan is recorded." in said


def test_json_tells_everything(two: Path, empty_database: TestDatabase, run_here: Here) -> None:
    """The answer for programs has each change with its verdict, and where it ended."""
    empty_database.execute("create table one (id int)")
    place = ("-C", two, "-d", empty_database.url)
    answer = json.loads(run_here("adopt", "-y", "--format", "json", *place, check=0).stdout)
    told = [(item["change"], item["verdict"], item["adopted"]) for item in answer["changes"]]
    assert told == [("one", "there", True), ("two", "not there", False)]
    assert (answer["stopped_at"], answer["found_beyond"]) == ("two", [])
    assert (answer["dry_run"], answer["deployed"]) == (False, 0)
    assert recorded(empty_database) == ["one"]


def test_gap_in_the_registry_is_refused(
    make_project: ProjectMaker, empty_database: TestDatabase, run_here: Here
) -> None:
    """A registry that the plan does not explain is not written to."""
    project = make_project(*TWO)
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    empty_database.execute("delete from sqitch.changes where change = 'one'")
    assert "not deployed: one" in run_here("adopt", "-y", *place, check=5).stderr


def test_what_is_beyond_a_gap_is_named(
    two: Path, empty_database: TestDatabase, run_here: Here
) -> None:
    """Whoever goes on to migrate is told that it would meet what is there already."""
    empty_database.execute("create table two (id int)")
    said = run_here("adopt", "-y", "-C", two, "-d", empty_database.url, check=0).stderr
    assert "Beyond one there is also: two." in said
