"""`carecli rework` does with plan and scripts what `sqitch rework` does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugins.sqitch_project import SqitchProject

pytestmark = pytest.mark.peer("sqitch")

STEPS = [
    ["add", "app/users", "-n", "n"],
    ["tag", "v1", "-n", "n"],
    ["tag", "v1.1", "-n", "n"],
    ["rework", "app/users", "-n", "Once more."],
    ["add", "lists", "-r", "app/users", "-n", "n"],
    ["tag", "v2", "-n", "n"],
    ["rework", "app/users", "-r", "lists", "-x", "old", "-n", "And again."],
]


@pytest.mark.slow
@pytest.mark.parametrize("dirs", ["", "[core]\n\treworked_dir = old\n"], ids=["plain", "apart"])
def test_same_files_as_sqitch(new_project: Callable[[str], SqitchProject], dirs: str) -> None:
    """Plan and scripts are byte for byte what stock sqitch makes of the same commands."""
    theirs, ours = new_project("theirs"), new_project("ours")
    for project in (theirs, ours):
        project.write("sqitch.conf", f"[core]\n\tengine = pg\n{dirs}")
        for folder in ("deploy", "revert", "verify"):
            project.write(f"{folder}/app/users.sql", f"-- {folder} by hand\n")
            project.write(f"{folder}/lists.sql", f"-- {folder} by hand\n")
            # sqitch copies into folders that are there; carecli makes them.
            (project.directory / "old" / folder / "app").mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        theirs.sqitch(*step)
        if step[0] == "add":
            # carecli does not take over scripts that it finds, as sqitch does.
            _add_beside(ours, step)
        else:
            ours.run(*step)
    assert ours.plan == theirs.plan
    assert ours.files == theirs.files


def _add_beside(project: SqitchProject, step: list[str]) -> None:
    """Add a change with carecli, then put the scripts back that were there before."""
    paths = [
        project.directory / f"{folder}/{step[1]}.sql" for folder in ("deploy", "revert", "verify")
    ]
    texts = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    project.run(*step)
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)


def test_missing_verify_script_is_not_needed(sqitch_project: SqitchProject) -> None:
    """A change without a verify script can be reworked; none is made."""
    sqitch_project.run("add", "users", "-n", "n")
    (sqitch_project.directory / "verify/users.sql").unlink()
    sqitch_project.run("tag", "v1", "-n", "n")
    sqitch_project.run("rework", "users", "-n", "n")
    assert sqitch_project.files.keys() >= {"deploy/users@v1.sql", "revert/users@v1.sql"}
    assert not [name for name in sqitch_project.files if name.startswith("verify/")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nobody", "-n", "n"], 2, "does not exist"),
        (["lists", "-n", "n"], 2, "no tag since"),
        (["users"], 2, "a note is missing"),
        (["users", "-r", "nobody", "-n", "n"], 2, "requires unknown change"),
        (["users", "-n", "n"], 5, "verify/users@v1.sql exists already"),
    ],
)
def test_nothing_changes_when_something_is_wrong(
    sqitch_project: SqitchProject, arguments: list[str], code: int, message: str
) -> None:
    """A faulty command says what is wrong and leaves every file as it was."""
    sqitch_project.run("add", "users", "-n", "n")
    sqitch_project.run("tag", "v1", "-n", "n")
    sqitch_project.run("add", "lists", "-n", "n")
    sqitch_project.write("verify/users@v1.sql", "-- mine\n")
    before = (sqitch_project.files, sqitch_project.plan_file.read_bytes())
    assert message in sqitch_project.run("rework", *arguments, check=code).stderr
    assert (sqitch_project.files, sqitch_project.plan_file.read_bytes()) == before
