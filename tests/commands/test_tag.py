"""`carecli tag` writes what `sqitch tag` writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugins.sqitch_project import SqitchProject

pytestmark = pytest.mark.peer("sqitch")


@pytest.mark.slow
def test_same_plan_as_sqitch(new_project: Callable[[str], SqitchProject]) -> None:
    """Tags on the last change, on an earlier one and beside others are where sqitch puts them."""
    theirs, ours = new_project("theirs"), new_project("ours")
    steps = [
        ["add", "users", "-n", "n"],
        ["tag", "v1", "-n", "One,\nin two lines."],
        ["add", "lists", "-n", "n"],
        ["tag", "@v2", "-n", "Two."],
        ["tag", "v1.1", "-c", "users", "-n", "One and a bit."],
        ["tag", "v1.2", "-c", "@HEAD^", "-n", "A bit more."],
    ]
    for step in steps:
        theirs.sqitch(*step)
        ours.run(*step)
    assert ours.plan == theirs.plan


def test_without_a_name_the_tags_are_listed(sqitch_project: SqitchProject) -> None:
    """The tags are listed in plan order."""
    sqitch_project.run("add", "users", "-n", "n")
    sqitch_project.run("tag", "v2", "-n", "n")
    sqitch_project.run("tag", "v1", "-n", "n")
    assert sqitch_project.run("tag").stdout.split() == ["@v2", "@v1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["v1", "-n", "n"], 'tag "@v1" already exists'),
        (["v2"], "a note is missing"),
        (["a/b", "-n", "n"], 'must not contain "/"'),
        (["HEAD", "-n", "n"], "reserved"),
        (["v2", "-c", "user", "-n", "n"], "did you mean users?"),
    ],
)
def test_nothing_changes_when_something_is_wrong(
    sqitch_project: SqitchProject, arguments: list[str], message: str
) -> None:
    """A faulty command says what is wrong and leaves the plan as it was."""
    sqitch_project.run("add", "users", "-n", "n")
    sqitch_project.run("tag", "v1", "-n", "n")
    before = sqitch_project.plan_file.read_bytes()
    assert message in sqitch_project.run("tag", *arguments, check=2).stderr
    assert sqitch_project.plan_file.read_bytes() == before
