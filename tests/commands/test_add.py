"""`carecli add` writes what `sqitch add` writes, but for the scripts' text."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.plugins.sqitch_project import SqitchProject

pytestmark = pytest.mark.peer("sqitch")

SCRIPTS = {
    "deploy/app/lists.sql": "Deploy shop:app/lists to pg",
    "revert/app/lists.sql": "Revert shop:app/lists from pg",
    "verify/app/lists.sql": "Verify shop:app/lists on pg",
}


@pytest.mark.slow
def test_same_plan_as_sqitch(new_project: Callable[[str], SqitchProject]) -> None:
    """The plan is byte for byte what stock sqitch makes of the same commands."""
    theirs, ours = new_project("theirs"), new_project("ours")
    note = 'First.\n\nSecond\\ with "quotes", \\n and é '
    steps = [
        ["add", "users", "-n", note],
        ["add", "app/lists", "-r", "users", "-r", "other:x", "-x", "old", "-n", "a", "-n", "b"],
        ["tag", "v1", "-n", "One."],
        ["add", "last", "-r", "users@v1", "-r", "@v1", "-x", "users", "-n", " # odd "],
    ]
    for step in steps:
        theirs.sqitch(*step)
        ours.run(*step)
    assert ours.plan == theirs.plan
    assert ours.files.keys() == theirs.files.keys()


def test_scripts_are_laid_from_the_template(sqitch_project: SqitchProject) -> None:
    """Each script says in its header what it is for, and has its own transaction."""
    sqitch_project.run("add", "users", "-n", "Who may sign in.")
    sqitch_project.run("add", "app/lists", "-r", "users", "-n", "Lists.\nOf theirs.")
    texts = {name: sqitch_project.files[name].decode() for name in SCRIPTS}
    for name, first in SCRIPTS.items():
        assert texts[name].startswith(f"-- {first}\n--\n-- What: ")
        assert "\nbegin;\n" in texts[name]
    deploy = texts["deploy/app/lists.sql"]
    assert "-- What: Lists.\n--     Of theirs.\n" in deploy
    assert "-- Requires: users.\n" in deploy
    assert deploy.endswith("\ncommit;\n")
    assert texts["verify/app/lists.sql"].endswith("\nrollback;\n")


def test_placeholder_in_a_note_stays(sqitch_project: SqitchProject) -> None:
    """A note that looks like a part of the template is only a note."""
    sqitch_project.run("add", "users", "-n", "{{ change }} {{ nothing }}")
    assert b"-- What: {{ change }} {{ nothing }}\n" in sqitch_project.files["deploy/users.sql"]


def test_files_to_edit_are_the_answer(sqitch_project: SqitchProject) -> None:
    """The paths are on stdout, for an editor; the rest is on stderr."""
    done = sqitch_project.run("add", "users", "-n", "Why.")
    assert done.stdout.split() == ["deploy/users.sql", "revert/users.sql", "verify/users.sql"]
    assert 'Added "users" to sqitch.plan' in done.stderr


def test_directory_option(sqitch_project: SqitchProject) -> None:
    """-C names the project, before the command or behind it."""
    directory = sqitch_project.directory
    environment = sqitch_project.environment
    sqitch_project.carecli("-C", directory, "add", "a", "-n", "n", env=environment, check=True)
    sqitch_project.carecli("add", "b", "-C", directory, "-n", "n", env=environment, check=True)
    assert {"deploy/a.sql", "deploy/b.sql"} <= sqitch_project.files.keys()


def test_plan_file_option(sqitch_project: SqitchProject) -> None:
    """--plan-file names another plan; the usual one stays as it is."""
    before = sqitch_project.plan
    other = sqitch_project.write("other.plan", "%project=other\n\n")
    sqitch_project.run("add", "a", "-n", "n", "--plan-file", "other.plan")
    assert "\na 20" in other.read_text()
    assert sqitch_project.plan == before
    assert b"-- Deploy other:a to pg" in sqitch_project.files["deploy/a.sql"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["users", "-n", "n"], 2, "already exists"),
        (["HEAD", "-n", "n"], 2, "reserved"),
        (["a@b", "-n", "n"], 2, "not a valid name"),
        (["lists", "-r", "nobody", "-n", "n"], 2, "requires unknown change"),
        (["lists", "-r", "a b", "-n", "n"], 2, "not a valid dependency"),
        (["lists"], 2, "a note is missing"),
        (["lists", "-n", " \n"], 2, "a note is missing"),
        (["there", "-n", "n"], 5, "deploy/there.sql exists already"),
        ([], 2, "Missing argument"),
    ],
)
def test_nothing_changes_when_something_is_wrong(
    sqitch_project: SqitchProject, arguments: list[str], code: int, message: str
) -> None:
    """A faulty command says what is wrong and leaves every file as it was."""
    sqitch_project.run("add", "users", "-n", "n")
    sqitch_project.write("deploy/there.sql", "-- mine\n")
    before = (sqitch_project.files, sqitch_project.plan_file.read_bytes())
    done = sqitch_project.run("add", *arguments, check=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (sqitch_project.files, sqitch_project.plan_file.read_bytes()) == before


def test_faulty_plan_is_left_alone(sqitch_project: SqitchProject) -> None:
    """A plan that cannot be read is not written, and the fault in it is shown."""
    sqitch_project.plan_file.write_text("%project=shop\n\nusers\n")
    done = sqitch_project.run("add", "lists", "-n", "n", check=1)
    assert "sqitch.plan:3:6: missing timestamp" in done.stderr
    assert sqitch_project.plan_file.read_text() == "%project=shop\n\nusers\n"


def test_missing_plan_is_named(sqitch_project: SqitchProject) -> None:
    """Without a plan there is nothing to add to."""
    sqitch_project.plan_file.unlink()
    done = sqitch_project.run("add", "lists", "-n", "n", check=1)
    assert "sqitch.plan does not exist" in done.stderr
    assert "sqitch init" in done.stderr


def test_many_at_once(sqitch_project: SqitchProject) -> None:
    """Changes added at the same time are all in the plan."""
    names = [f"change_{number}" for number in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: sqitch_project.run("add", name, "-n", "n"), names))
    planned = [line.split()[0] for line in sqitch_project.plan.splitlines()[3:]]
    assert sorted(planned) == names
