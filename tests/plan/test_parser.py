"""What the parser takes, and what it says about the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from carecli.errors import CarecliError
from carecli.plan import Plan, PlanError, parse_plan, read_plan

PATH = Path("sqitch.plan")
ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"


def parse(*lines: str, header: str = "%project=shop\n\n") -> Plan:
    """Parse a plan of these lines, each ending in the usual origin where it ends in `~`."""
    body = "".join(
        f"{line.removesuffix('~')}{ORIGIN if line[-1:] == '~' else ''}\n" for line in lines
    )
    return parse_plan(header + body, PATH)


def fault(*lines: str, header: str = "%project=shop\n\n") -> PlanError:
    """Return the error for a plan of these lines."""
    with pytest.raises(PlanError) as caught:
        parse(*lines, header=header)
    return caught.value


def test_change_has_all_that_its_line_says() -> None:
    """Name, note, time and planner of a change are read."""
    [change] = parse("users 2026-01-31T12:00:00Z Ann B. <ann@example.com> # Who may sign in.")
    assert change.name == "users"
    assert change.note == "Who may sign in."
    assert change.planned_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert (change.planner_name, change.planner_email) == ("Ann B.", "ann@example.com")
    assert change.line == 3


def test_tags_belong_to_the_change_before_them() -> None:
    """Several tags can be on one change, also with comments and empty lines between."""
    plan = parse("users ~", "@v1 ~", "", "# between", "@v1.1 ~", "lists ~")
    assert [[tag.format_name for tag in change.tags] for change in plan] == [["@v1", "@v1.1"], []]
    assert plan.changes[0].name_with_tags == "users @v1 @v1.1"


def test_dependencies_of_every_kind() -> None:
    """A change can name changes, tags, other projects and conflicts."""
    change = parse(
        "users ~", "@v1 ~", "lists [users users@v1 @v1 auth:roles shop:users !old !auth:old@v2] ~"
    ).changes[1]
    assert [dependency.text for dependency in change.requires] == [
        "users",
        "users@v1",
        "@v1",
        "auth:roles",
        "users",
    ]
    assert [dependency.text for dependency in change.conflicts] == ["old", "auth:old@v2"]
    assert {dependency.kind for dependency in change.conflicts} == {"conflict"}
    assert [dependency.is_external for dependency in change.requires] == [
        False, False, False, True, False,
    ]  # fmt: skip


def test_dependency_is_resolved_to_an_id() -> None:
    """A dependency in the plan knows the id of its change; one in another project does not."""
    plan = parse("users ~", "lists [users auth:roles] ~")
    here, there = plan.changes[1].requires
    assert (here.id, here.project) == (plan.changes[0].id, "shop")
    assert (there.id, there.project) == (None, "auth")


def test_dependency_by_id() -> None:
    """An id in the plan is of this project; any other may be in any."""
    own = parse("users ~").changes[0].id
    known, unknown = parse("users ~", f"lists [{own} {'0' * 40}] ~").changes[1].requires
    assert (known.project, known.id, known.text, known.is_external) == ("shop", own, own, False)
    assert (unknown.project, unknown.id, unknown.is_external) == (None, "0" * 40, True)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"one\ntwo", "one\ntwo"),
        (r"one\rtwo", "one\rtwo"),
        (r"back\\slash", r"back\slash"),
        (r"\\n", r"\n"),
        (r"tab\t", r"tab\t"),
        ("#  padded \t", "padded"),
        ("a # b", "a # b"),
    ],
)
def test_note_escapes(written: str, meant: str) -> None:
    """Line breaks and backslashes in notes are escaped, nothing else."""
    [change] = parse(f"users {ORIGIN} # {written.removeprefix('#')}")
    assert change.note == meant


def test_note_needs_no_space() -> None:
    """A note may follow the planner directly, and is written with a space after the #."""
    plan = parse(f"users {ORIGIN}#note")
    assert plan.changes[0].note == "note"
    assert plan.text().endswith(f"{ORIGIN}# note\n")


@pytest.mark.parametrize("name", ["app/users", "v1.users", "users-2", "größe", "名前", "_x", "a~b"])
def test_names(name: str) -> None:
    """Names may have slashes, dots, dashes and letters of any script."""
    assert parse(f"{name} ~").changes[0].name == name


def test_project_name_with_slash() -> None:
    """A project's name may have a slash."""
    assert parse(header="%project=our/shop\n\n").project == "our/shop"


def test_old_syntax_version_is_read_as_the_present_one() -> None:
    """A plan of version 1.0.0-b2 is taken, and written as 1.0.0."""
    plan = parse(header="%syntax-version=1.0.0-b2\n%project=shop\n\n")
    assert plan.text() == "%syntax-version=1.0.0\n%project=shop\n\n"


def test_missing_syntax_version_is_added() -> None:
    """A plan without a version is written with one."""
    assert parse("users ~").text().startswith("%syntax-version=1.0.0\n%project=shop\n\nusers ")


def test_last_of_two_pragmas_counts() -> None:
    """sqitch allows a pragma twice and uses the last."""
    assert parse(header="%project=shop\n%project=store\n\n").project == "store"


def test_carriage_returns_are_dropped() -> None:
    """Lines may end as on Windows."""
    plan = parse_plan(f"%project=shop\r\n\r\nusers {ORIGIN}\r\n", PATH)
    assert plan.text() == f"%syntax-version=1.0.0\n%project=shop\n\nusers {ORIGIN}\n"


def test_last_line_needs_no_newline() -> None:
    """The last line counts without a newline too."""
    assert len(parse_plan(f"%project=shop\n\nusers {ORIGIN}", PATH)) == 1


def test_reworked_change_takes_its_rework_tags() -> None:
    """The tags since a change, the nearest change's first, name the scripts that it keeps."""
    plan = parse(
        "users ~", "@v1 ~", "@v1.1 ~", "lists ~", "@v2 ~", "items ~", "@v3 ~", "users [users@v1] ~"
    )
    assert [tag.name for tag in plan.changes[0].rework_tags] == ["v3", "v2", "v1", "v1.1"]
    assert plan.changes[0].is_reworked
    assert not plan.changes[3].is_reworked


@pytest.mark.parametrize(
    ("lines", "line", "column", "message"),
    [
        (["+users ~", "+users ~"], 4, 2, 'change "users" duplicates the one on line 3'),
        (["users ~", "@v1 ~", "@v1 ~"], 5, 2, 'tag "@v1" duplicates the one on line 4'),
        (["@v1 ~"], 3, 2, 'tag "@v1" has no change before it'),
        (["users ~", "@v1/x ~"], 4, 2, 'tag "@v1/x" must not contain "/"'),
        (["users ~", "@v1 [users] ~"], 4, 5, "tags may not specify dependencies"),
        (["HEAD ~"], 3, 1, '"HEAD" is a reserved name'),
        (["users ~", "@ROOT ~"], 4, 2, '"@ROOT" is a reserved name'),
        (["0123456789abcdef0123456789abcdef01234567x ~"], 3, 1, "could be confused with a SHA-1"),
        (["0 ~"], 3, 1, '"0" is not a valid name'),
        (["us@ers ~"], 3, 3, "invalid name"),
        (["us:ers ~"], 3, 3, "invalid name"),
        (["users! ~"], 3, 6, "invalid name"),
        (["=users ~"], 3, 1, "invalid name"),
        (["users~1 ~"], 3, 6, "invalid name"),
        (["users[lists] ~"], 3, 12, "invalid name"),
        (["#"], 3, 1, "a comment without text"),
        (["users"], 3, 6, "missing timestamp and planner name and email"),
        (["users Ann <ann@example.com>"], 3, 7, "missing timestamp"),
        (["users 2026-01-31T12:00:00Z"], 3, 27, "missing planner name and email"),
        (["users 2026-01-31T12:00:00Z Ann"], 3, 28, "the planner is not written as Name <email>"),
        (["users now ~"], 3, 7, "unexpected text between name and timestamp"),
        (["users 2026-02-30T12:00:00Z Ann <a@b.c>"], 3, 7, "no such time as 2026-02-30T12:00:00Z"),
        (["users ~", "lists [users@] ~"], 4, 8, '"users@" is not a valid dependency'),
        (["users ~", "lists [! users] ~"], 4, 8, '"!" is not a valid dependency'),
        (["users ~", "lists [users users] ~"], 4, 14, 'duplicate dependency "users"'),
        (["users ~", "lists [ users] ~"], 4, 8, "dependencies begin with a blank"),
        (["users ~", "lists [] ~"], 4, 8, "empty brackets"),
        (["users ~", "lists [users ~"], 4, 7, "the dependencies are not closed"),
        (["lists [users] ~", "users ~"], 3, 8, '"lists" is planned 1 change before "users"'),
        (["lists [lists] ~"], 3, 8, 'change "lists" cannot require itself'),
        (["lists [user] ~"], 3, 8, 'unknown change "user" required by change "lists"'),
        (["users ~", "lists [users@v9] ~"], 4, 8, 'unknown change "users@v9"'),
        (["a [b] ~", "b [c] ~", "c [a] ~"], 3, 4, 'change "a" requires itself by way of others'),
    ],
)
def test_errors_name_the_place(lines: list[str], line: int, column: int, message: str) -> None:
    """Each fault that sqitch refuses is refused with file, line, column and a hint."""
    error = fault(*lines)
    assert (error.line, error.column) == (line, column)
    assert error.message.startswith(f"sqitch.plan:{line}:{column}: ")
    assert message in error.message
    assert error.hint
    assert error.detail
    assert error.detail.splitlines()[1].index("^") > 0


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        ("%syntax-version=1.0.0\n\n", 1, "missing %project pragma"),
        ("\n%project=shop\n\n", 1, "missing %project pragma"),
        ("%project=a@b\n\n", 1, 'invalid project name "a@b"'),
        ("%project\n\n", 1, 'invalid project name ""'),
        ("%project=shop\nusers ~\n", 2, "no empty line ends the pragmas before it"),
        ("%project=shop\n%%x\n\n", 2, "invalid pragma"),
        ("\ufeff%project=shop\n\n", 1, "invalid pragma"),
    ],
)
def test_errors_in_the_header(header: str, line: int, message: str) -> None:
    """A faulty header is refused with its line."""
    error = fault(header=header)
    assert error.line == line
    assert message in error.message


def test_late_requirement_says_how_far_to_move() -> None:
    """The hint says by how many lines a change has to go down."""
    error = fault("lists [items] ~", "users ~", "items ~")
    assert error.hint == 'move "lists" down 2 lines in sqitch.plan'


def test_circle_is_shown() -> None:
    """Where no order would do, the hint shows the circle."""
    assert "a -> b -> c -> a" in str(fault("a [b] ~", "b [c] ~", "c [a] ~").hint)


def test_misspelt_requirement_gets_a_suggestion() -> None:
    """The hint offers the names that are near."""
    assert fault("users ~", "lists [user] ~").hint == "did you mean users?"


def test_former_instance_cannot_be_required_twice_removed() -> None:
    """sqitch looks for `a@v1` at the last `a` only, and so the hint says what to write."""
    error = fault("a ~", "@v1 ~", "a [a@v1] ~", "@v2 ~", "b [a@v1] ~")
    assert 'unknown change "a@v1"' in error.message
    assert "require @v1 instead" in str(error.hint)


def test_all_unmet_requirements_are_named() -> None:
    """Every unmet requirement of a section is named in one error."""
    error = fault("lists [x y] ~", "users [z] ~")
    assert all(f'"{name}"' in f"{error.message}{error.detail}" for name in "xyz")


def test_missing_plan(tmp_path: Path) -> None:
    """A plan that is not there is named."""
    with pytest.raises(CarecliError, match=r"nowhere\.plan does not exist"):
        read_plan(tmp_path / "nowhere.plan")


def test_plan_in_another_encoding(tmp_path: Path) -> None:
    """A plan that is not UTF-8 is refused at the byte."""
    path = tmp_path / "sqitch.plan"
    path.write_bytes(f"%project=shop\n\nusers {ORIGIN} # ".encode() + "größe\n".encode("latin-1"))
    with pytest.raises(PlanError, match="not UTF-8") as caught:
        read_plan(path)
    assert (caught.value.line, caught.value.column) == (3, len(f"users {ORIGIN} # gr") + 1)
