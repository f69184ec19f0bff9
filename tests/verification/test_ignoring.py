"""A file of patterns leaves findings out, and says where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from carecli.errors import InvalidUsage
from carecli.verification import Finding, Outcome, Part, Report
from carecli.verification.ignoring import leave_out, read_patterns

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give what writes a file of patterns."""

    def written(text: str) -> Path:
        path = tmp_path / "ignore"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def finding(check: str, thing: str) -> Finding:
    """Return a finding on a thing."""
    return Finding(check, "error", thing, "it is wrong", "mend it")


@pytest.fixture
def report() -> Report:
    """Give a report with findings of two parts."""
    contract = (
        finding("table_privileges", "table public.legacy_a"),
        finding("table_privileges", "table public.messages_v2"),
        finding("function_security", "function public.f(text[], uuid[])"),
    )
    drift = (finding("comments", "comment on table public.legacy_a"),)
    parts = (Part("contract", 9, contract, 0.1), Part("drift", 9, drift, 0.1))
    return Report("postgresql://db/app", (*parts, Part("probes", 0, (), 0, skipped="no role")))


def left(report: Report, path: Path) -> list[str]:
    """Return what is still found on which object."""
    return [item.object for item in leave_out(report, read_patterns(path)).findings]


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("contract/table_privileges table public.legacy_*", [0]),
        ("contract/* table public.messages_v2", [1]),
        ("*/* table public.*", [0, 1]),
        ("contract/function_security function public.f(text[], uuid[])", [2]),
        ("contract/function_security function public.f(text[[][]], *", [2]),
        ("drift/comments   *  # the reason", [3]),
        ("contract/table_privileges table public.[!l]*", [1]),
        ("CONTRACT/table_privileges *", []),
        ("contract/table_privileges public.messages_v2", []),
    ],
)
def test_pattern(report: Report, write: Write, pattern: str, gone: list[int]) -> None:
    """A pattern leaves out what it means, and nothing else."""
    objects = [item.object for item in report.findings]
    kept = [name for at, name in enumerate(objects) if at not in gone]
    assert left(report, write(pattern)) == kept


def test_comments_and_empty_lines(report: Report, write: Write) -> None:
    """Comments, empty lines, tabs, a byte order mark and Windows' line ends are no patterns."""
    path = write("\ufeff# all of it\r\n\r\n   # more\r\ndrift/comments\t*\t# why\r\n")
    (pattern,) = read_patterns(path)
    assert (str(pattern), pattern.line) == ("drift/comments *", 4)
    assert len(left(report, path)) == 3


def test_sign_of_the_comment_in_a_name(write: Write) -> None:
    """`#` inside of a word belongs to it."""
    (pattern,) = read_patterns(write('drift/x table public."a#b [#] c" # why'))
    assert pattern.object == 'table public."a#b [#] c"'
    assert pattern.matches("drift", finding("x", 'table public."a#b # c"'))


def test_ignored_are_counted(report: Report, write: Write) -> None:
    """Each part says how many of its findings were left out; with none left all is well."""
    done = leave_out(report, read_patterns(write("*/* *")))
    assert [part.ignored for part in done.parts] == [3, 1, 0]
    assert (report.exit_code, done.exit_code) == (1, 0)


def test_outcomes_tell_what_was_ignored(write: Write) -> None:
    """What failed and is ignored is no longer listed as failed, unless something is left of it."""
    found = (finding("a", "table one"), finding("a", "table two"), finding("b", "table three"))
    outcomes = tuple(Outcome(name, "failed") for name in "ab")
    report = Report("", (Part("contract", 2, found, 0, outcomes=outcomes),))
    done = leave_out(report, read_patterns(write("*/* table one\n*/b *")))
    assert [item.verdict for item in done.parts[0].outcomes] == ["failed", "ignored"]


def test_idle_pattern_is_a_note(report: Report, write: Write) -> None:
    """A pattern that means nothing is told, unless its part did not run."""
    path = write(
        "contract/gone *\ndrift/comments *\nprobes/x *\nchanges/failed *\n*/table_privileges t*\n"
    )
    assert leave_out(report, read_patterns(path)).notes == (
        f"{path}:1: nothing was found that contract/gone * would ignore",
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("table_privileges *", "'table_privileges' does not name a part and a check"),
        ("contract/ *", "'contract/' is not one part and one check"),
        ("/x *", "'/x' is not one part and one check"),
        ("contract/a/b *", "'contract/a/b' is not one part and one check"),
        ("contract/x", "no object follows the check"),
        ("contract/x  # the reason", "no object follows the check"),
    ],
)
def test_malformed_line(write: Write, line: str, fault: str) -> None:
    """A line that is no pattern is an error with its place, its text and the right form."""
    path = write(f"# first\n\n{line}\n")
    with pytest.raises(InvalidUsage) as caught:
        read_patterns(path)
    assert caught.value.message.startswith(f"{path}:3: {fault}")
    assert line in (caught.value.detail or "")
    assert "contract/table_privileges" in (caught.value.hint or "")


def test_unreadable_file(tmp_path: Path) -> None:
    """A file of another encoding is an error that names it."""
    path = tmp_path / "ignore"
    path.write_bytes(b"contract/x \xff")
    with pytest.raises(InvalidUsage, match="ignore cannot be read"):
        read_patterns(path)
