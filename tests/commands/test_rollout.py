"""`carecli rollout`: show the flag, change it, switch V2 off; `carecli status` warns of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

NAME = {"SQITCH_FULLNAME": "Ada", "SQITCH_EMAIL": "ada@example.org"}

Rollout = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rollout(carecli_run: Run, migrated: TestDatabase) -> Rollout:
    """Give a function that runs `carecli rollout` on the migrated database as Ada."""

    def call(*arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        return carecli_run("rollout", *arguments, "-d", migrated.url, env=NAME, check=check)

    return call


def flag(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return strategy and percentage."""
    return database.execute("select strategy, percentage from messaging.rollout")


def damage(database: TestDatabase, statement: str) -> None:
    """Do to the flag what its guards would not let through."""
    database.execute("alter table messaging.rollout disable trigger user")
    database.execute(statement)


def test_shows_by_default(rollout: Rollout) -> None:
    """Without a subcommand it shows the flag and its history, and says nothing else."""
    text = rollout().stdout
    assert text.startswith("Strategy: disabled\nChanged:  ")
    assert "Reason:   Deployed; nobody is on V2 yet\nTesters:  0\n" in text
    assert "Gate:     disabled -> internal asks nothing\nHistory:\n  " in text
    assert "  nothing -> disabled  by " in text
    assert rollout("show").stdout == text


def test_shows_json_with_stable_fields(
    rollout: Rollout, migrated: TestDatabase, people: People
) -> None:
    """A program gets the flag, its problem, the testers and the history."""
    migrated.execute("select messaging.add_internal_tester(%s, 'two phones')", people.ben)
    found = json.loads(rollout("--format", "json").stdout)
    assert set(found) == {
        "strategy",
        "percentage",
        "reason",
        "changed_by",
        "changed_at",
        "figures",
        "problem",
        "testers",
        "history",
        "gate",
    }
    assert (found["strategy"], found["percentage"], found["problem"]) == ("disabled", 0, None)
    assert [tester["user_id"] for tester in found["testers"]] == [str(people.ben)]
    assert set(found["testers"][0]) == {"user_id", "note", "added_by", "added_at"}
    assert set(found["history"][0]) == {
        "changed_at",
        "changed_by",
        "reason",
        "old_strategy",
        "old_percentage",
        "new_strategy",
        "new_percentage",
        "figures",
    }


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("internal", ("internal", 0)),
        ("percentage:0", ("percentage", 0)),
        ("percentage:25", ("percentage", 25)),
        ("percentage:100", ("percentage", 100)),
        ("enabled", ("enabled", 100)),
        ("disabled", ("disabled", 0)),
    ],
)
def test_sets_the_flag(
    rollout: Rollout, migrated: TestDatabase, strategy: str, expected: tuple[str, int]
) -> None:
    """The flag is as told, and the history says who and why."""
    done = rollout("set", strategy, "--reason", "no error since Monday", "--format", "json")
    assert flag(migrated) == [expected]
    found = json.loads(done.stdout)
    assert (found["strategy"], found["percentage"]) == expected
    assert found["changed_by"] == "Ada <ada@example.org>"
    assert found["history"][0]["reason"] == "no error since Monday"
    assert f"disabled -> {strategy}  by Ada <ada@example.org>: no error" in rollout().stdout


@pytest.mark.parametrize(
    "strategy",
    [
        "most",
        "percentage",
        "percentage:",
        "percentage:101",
        "percentage:-1",
        "percentage:1.5",
        "percentage:\u0661",
        "ENABLED",
        "",
    ],
)
def test_unknown_strategy_is_a_usage_error(
    rollout: Rollout, migrated: TestDatabase, strategy: str
) -> None:
    """What is no strategy is refused with what would be one; nothing is changed."""
    done = rollout("set", strategy, "--reason", "x", check=2)
    assert "is no rollout strategy" in done.stderr
    assert "percentage:N" in done.stderr
    assert migrated.execute("select count(*) from messaging.rollout_history") == [(1,)]


@pytest.mark.parametrize("command", [("set", "enabled"), ("rollback",)])
@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", " \n")])
def test_change_needs_a_reason(
    rollout: Rollout, migrated: TestDatabase, command: tuple[str, ...], reason: tuple[str, ...]
) -> None:
    """Without a reason nothing is changed."""
    done = rollout(*command, *reason, check=2)
    assert "reason" in done.stderr
    assert migrated.execute("select count(*) from messaging.rollout_history") == [(1,)]


def test_rollback_switches_off(rollout: Rollout, migrated: TestDatabase) -> None:
    """V2 is off after it, whatever it was before, and the history says why."""
    rollout("set", "enabled", "--reason", "all is well")
    text = rollout("rollback", "--reason", "creations fail").stdout
    assert text.startswith("Strategy: disabled\n")
    assert flag(migrated) == [("disabled", 0)]
    assert "enabled -> disabled  by Ada <ada@example.org>: creations fail" in text
    rollout("rollback", "--reason", "again")
    assert migrated.execute("select count(*) from messaging.rollout_history") == [(4,)]


def test_rollback_heals_a_missing_flag(rollout: Rollout, migrated: TestDatabase) -> None:
    """Where the row was lost, rollback leaves a sound flag that is off."""
    damage(migrated, "delete from messaging.rollout")
    rollout("rollback", "--reason", "the row was gone")
    assert flag(migrated) == [("disabled", 0)]
    assert rollout().stderr.count("Warning") == 0


def test_change_is_read_back(rollout: Rollout, migrated: TestDatabase) -> None:
    """Where the flag does not say afterwards what it was told, that is an error."""
    migrated.execute(
        """
        create function public.meddle() returns trigger language plpgsql
            as $$ begin new.strategy := 'enabled'; return new; end $$;
        create trigger meddle before update on messaging.rollout
            for each row execute function public.meddle()
        """
    )
    done = rollout("rollback", "--reason", "creations fail", check=1)
    assert done.stdout == ""
    assert "set to disabled, and now says enabled" in done.stderr


def test_no_flag_there(carecli_run: Run, database: TestDatabase) -> None:
    """A database without the change is told apart, with what to do."""
    for command in (("show",), ("set", "enabled", "--reason", "x"), ("rollback", "--reason", "x")):
        done = carecli_run("rollout", *command, "-d", database.url, env=NAME, check=1)
        assert "Error: the database has no rollout flag" in done.stderr
        assert "carecli migrate" in done.stderr


def test_role_that_may_not(carecli_run: Run, migrated: TestDatabase) -> None:
    """A role without the privilege is told so, without a traceback."""
    url = f"{migrated.superuser_url}&options=-c%20role%3Dauthenticated"
    done = carecli_run("rollout", "rollback", "--reason", "x", "-d", url, env=NAME, check=1)
    assert "Error: this role may not see or change the rollout flag" in done.stderr


def test_service_role_may(carecli_run: Run, migrated: TestDatabase) -> None:
    """The service role needs nothing but its functions."""
    url = f"{migrated.superuser_url}&options=-c%20role%3Dservice_role"
    carecli_run("rollout", "set", "internal", "--reason", "x", "-d", url, env=NAME, check=0)
    assert carecli_run("rollout", "-d", url, check=0).stdout.startswith("Strategy: internal\n")


def test_history_can_be_longer_or_left_out(rollout: Rollout) -> None:
    """As many changes as are asked for, the newest first; one line each, whatever is in it."""
    for number in range(12):
        rollout("set", f"percentage:{number}", "--reason", f"step\n\x1b[31m{number}")
    lines = rollout().stdout.partition("History:\n")[2].splitlines()
    assert len(lines) == 10
    assert lines[0].endswith("percentage:10 -> percentage:11  by Ada <ada@example.org>: "
                             "step  [31m11")  # fmt: skip
    assert len(rollout("--history", "20").stdout.partition("History:\n")[2].splitlines()) == 13
    assert "History" not in rollout("show", "--history", "0").stdout


def test_help_promises_no_more_than_there_is(carecli_run: Run) -> None:
    """The group lists its subcommands."""
    text = carecli_run("rollout", "--help", check=0).stdout
    commands = [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()]
    assert commands == ["advance", "guard", "rollback", "set", "show"]
    assert "Example" in text


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("delete from messaging.rollout", "the flag has no row"),
        (
            """
            alter table messaging.rollout drop constraint rollout_strategy_known;
            update messaging.rollout set strategy = 'most'
            """,
            "the flag has the unknown strategy 'most'",
        ),
        ("drop table messaging.rollout cascade", "the flag cannot be read"),
        ("drop function messaging.rollout_problem() cascade", "the flag is missing"),
    ],
)
def test_status_warns_of_an_unsound_flag(
    carecli_run: Run, migrated: TestDatabase, statement: str, problem: str
) -> None:
    """`carecli status` answers all the same, and says on stderr what is wrong and what it means."""
    sound = carecli_run("status", "-d", migrated.url, check=0)
    assert "Warning" not in sound.stderr
    damage(migrated, statement)
    done = carecli_run("status", "-d", migrated.url, check=0)
    assert done.stdout == sound.stdout
    (warning,) = [line for line in done.stderr.splitlines() if line.startswith("Warning")]
    assert warning.startswith(f"Warning: rollout: {problem}")
    assert warning.endswith("; V2 is off")


def test_status_before_the_flag_is_deployed(carecli_run: Run, database: TestDatabase) -> None:
    """Where the plan has not come to the flag yet, there is nothing to warn of."""
    carecli_run("migrate", "--yes", "--to", "error_codes", "-d", database.url, check=0)
    assert "Warning" not in carecli_run("status", "-d", database.url, check=0).stderr


def test_status_of_another_project(
    carecli_run: Run, empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """A change of that name in somebody else's plan is none of our business."""
    project = make_project(Step("rollout", "create table one ();"))
    where = ("-C", project, "-d", empty_database.url)
    carecli_run("migrate", "--yes", *where, check=0)
    assert "Warning" not in carecli_run("status", *where, check=0).stderr
