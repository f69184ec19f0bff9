"""What `carecli backfill` prints, writes and refuses, and how it goes on after it was stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.chaos import Background, Here, Start, wait_for
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

FILL = """
insert into public.help_requests (id, user_id, title, category)
select md5('request' || number)::uuid, '3e334e85-9879-af25-6d38-27d651b7804a', 'Help', 'other'
from generate_series(1, {conversations}) as number;

insert into public.conversations (id, help_request_id, created_by, created_at)
select md5('conversation' || number)::uuid, md5('request' || number)::uuid,
    'e4774cdd-a079-3f86-414e-8b9140bb6db4', '2025-01-01'
from generate_series(1, {conversations}) as number;

insert into public.conversation_participants (conversation_id, user_id)
select id, person
from public.conversations, (values
    ('3e334e85-9879-af25-6d38-27d651b7804a'::uuid), ('e4774cdd-a079-3f86-414e-8b9140bb6db4')
) as people (person);

insert into public.messages (conversation_id, sender_id, recipient_id, content, created_at)
select id, created_by, '3e334e85-9879-af25-6d38-27d651b7804a', 'I can help you, ' || number,
    created_at + number * interval '1 second'
from public.conversations, generate_series(1, {messages}) as number;
"""


@pytest.fixture
def filled(migrated: TestDatabase) -> TestDatabase:
    """Give a database with 20 V1 conversations of 10 messages each."""
    migrated.execute(FILL.format(conversations=20, messages=10))
    return migrated


def run_json(run_here: Here, database: TestDatabase, *options: str | Path) -> dict[str, Any]:
    """Run the command and return its answer."""
    said = run_here("backfill", "-y", "--format", "json", *options, "-d", database.url, check=0)
    answer: dict[str, Any] = json.loads(said.stdout)
    return answer


def count(database: TestDatabase) -> tuple[Any, ...]:
    """Return how many conversations and messages V2 has."""
    (row,) = database.execute(
        "select (select count(*) from public.conversations_v2),"
        " (select count(*) from public.messages_v2)"
    )
    return row


def test_copies_and_proves_it(filled: TestDatabase, run_here: Here) -> None:
    """The answer counts what was copied; the second run finds it there."""
    first = run_json(run_here, filled)
    assert (first["conversations"]["copied"], first["messages"]["copied"]) == (20, 200)
    assert first["reconciled"] is True
    assert first["longest_wait_seconds"] > 0
    second = run_json(run_here, filled)
    assert (second["conversations"]["copied"], second["messages"]["copied"]) == (0, 0)
    assert second["messages"]["already_there"] == 200
    assert count(filled) == (20, 180)


def test_dry_run_counts_and_changes_nothing(filled: TestDatabase, run_here: Here) -> None:
    """It says how many there are to copy; V2 stays empty, and nobody is asked."""
    said = run_here("backfill", "--dry-run", "-d", filled.url, check=0).stdout
    assert said.splitlines() == [
        "Conversations  20 to copy",
        "Messages       200 to copy",
    ]
    assert count(filled) == (0, 0)
    assert filled.execute("select started_at from messaging.v1_backfill_progress") == [(None,)]


def test_report_names_what_was_skipped(
    filled: TestDatabase, run_here: Here, tmp_path: Path
) -> None:
    """The file holds the answer and every row that was skipped, with its reason."""
    ((key,),) = filled.execute(
        "update public.conversations set help_request_id = null"
        " where id = md5('conversation7')::uuid returning id::text"
    )
    file = tmp_path / "report.json"
    answer = run_json(run_here, filled, "--report", file)
    report = json.loads(file.read_text())
    found = report.pop("findings")
    assert report == answer
    assert len(found) == 11
    assert {(item["outcome"], item["reason"], item["conversation_id"]) for item in found} == {
        ("skipped", "no_help_request", key)
    }
    assert list(tmp_path.iterdir()) == [file]


def test_report_that_cannot_be_written(filled: TestDatabase, run_here: Here) -> None:
    """Nothing is copied where its report would be lost."""
    run_here("backfill", "-y", "--report", "/nosuch/report", "-d", filled.url, check=1)
    assert count(filled) == (0, 0)


def test_asks_before_it_copies(filled: TestDatabase, run_here: Here) -> None:
    """Where nobody can be asked it refuses: exit 5."""
    said = run_here("backfill", "-d", filled.url, check=5).stderr
    assert "20 V1 conversations with 200 messages" in said
    assert count(filled) == (0, 0)


def test_without_the_change(database: TestDatabase, run_here: Here) -> None:
    """It says what to deploy."""
    said = run_here("backfill", "-y", "-d", database.url, check=1).stderr
    assert "carecli migrate" in said


def test_without_v1(migrated: TestDatabase, run_here: Here) -> None:
    """Nothing to copy is no fault."""
    migrated.execute(
        "drop table public.messages, public.conversation_participants, public.conversations cascade"
    )
    said = run_here("backfill", "-y", "-d", migrated.url, check=0).stdout
    assert said == "Nothing to copy: the V1 tables are not there.\n"


def test_difference_is_exit_1(filled: TestDatabase, run_here: Here) -> None:
    """A message that was changed in V2 is not copied over, but told."""
    run_json(run_here, filled)
    filled.execute(
        "update public.messages_v2 set content = 'no' where id in"
        " (select id from public.messages_v2 limit 1)"
    )
    said = run_here("backfill", "-y", "-d", filled.url, check=1)
    assert "1 messages different" in said.stderr


def test_what_is_locked_is_left_for_the_next_run(
    filled: TestDatabase, people: People, run_here: Here
) -> None:
    """One request that somebody holds keeps back its conversation alone."""
    with filled.connect() as other, other.transaction(force_rollback=True):
        other.execute(
            "select from public.help_requests where id = md5('request3')::uuid for update"
        )
        said = run_here("backfill", "-y", "-d", filled.url, check=1).stderr
        assert "1 conversations missing, 10 messages missing" in said
        assert count(filled) == (19, 171)
    assert run_json(run_here, filled)["messages"]["copied"] == 10


def begun(database: TestDatabase, start: Start) -> Background:
    """Start a run with small batches and wait until it has copied something."""
    database.execute(FILL.format(conversations=400, messages=10))
    command = start("backfill", "-y", "--batch", "2", "-d", database.url)
    wait_for("the first batches", lambda: count(database)[0] > 3)
    return command


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_after_a_batch(
    migrated: TestDatabase, carecli_start: Start, run_here: Here, number: signal.Signals
) -> None:
    """What was copied stays and is told; the next run goes on from there."""
    command = begun(migrated, carecli_start)
    command.send(number)
    ended = command.finish()
    assert ended.returncode == 128 + number, ended.stderr
    assert f"interrupted by {number.name}" in ended.stderr
    assert "Run the command again to go on" in ended.stderr
    conversations, _ = count(migrated)
    assert 0 < conversations < 400
    answer = run_json(run_here, migrated)
    assert answer["resumed"] is True
    assert answer["conversations"]["copied"] == 400 - conversations
    assert answer["messages"]["missing"] == 0


@pytest.mark.slow
def test_signal_amid_a_dry_run_leaves_no_file(
    filled: TestDatabase, carecli_start: Start, tmp_path: Path
) -> None:
    """SIGTERM while V1 is being compared ends it with 143, and takes the unfinished report away."""
    with filled.connect(autocommit=False) as holder:
        holder.execute("lock table public.messages in access exclusive mode")
        report = tmp_path / "report.json"
        options = ["--dry-run", "--report", report, "-d", filled.url]
        command = carecli_start("backfill", *options)
        wait_for("it waits for V1", lambda: list(tmp_path.glob(".report.json.*")))
        wait_for(
            "its session waits",
            lambda: filled.execute(
                "select pid from pg_stat_activity where application_name = 'carecli backfill'"
                " and wait_event_type = 'Lock'"
            ),
        )
        command.send(signal.SIGTERM)
        ended = command.finish()
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert "nothing was being copied" in ended.stderr
    assert not list(tmp_path.glob("*report.json*"))


@pytest.mark.slow
def test_killed_run_is_resumed(
    migrated: TestDatabase, carecli_start: Start, run_here: Here
) -> None:
    """SIGKILL leaves whole batches; the next run copies the rest, and nothing twice."""
    command = begun(migrated, carecli_start)
    command.send(signal.SIGKILL)
    command.finish()
    answer = run_json(run_here, migrated)
    assert answer["resumed"] is True
    assert answer["reconciled"] is True
    assert count(migrated) == (400, 3600)
