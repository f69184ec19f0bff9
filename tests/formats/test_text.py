"""The report for people."""

from __future__ import annotations

from click import unstyle

from carecli.formats import render
from carecli.verification import Report


def lines(report: Report) -> list[str]:
    """Return what a person reads, without the colours."""
    return unstyle(render(report, "text")).split("\n")


def test_sound_report_is_short(sound: Report) -> None:
    """A sound part takes one line; what was not looked at says why; oddities are named."""
    assert lines(sound) == [
        "changes .. ok  2 checked in 0.2 s",
        "  reworked: change two",
        "probes ... ok  412 checked in 1.5 s",
        "drift .... not looked at: no server of this version is here",
        "No findings; not looked at: drift.",
    ]


def test_finding_has_object_place_detail_remedy(unsound: Report) -> None:
    """Each finding says what is wrong with what, where, and what mends it."""
    shown = lines(unsound)
    at = shown.index("  change two  [error: failed]")
    assert shown[at + 1].endswith("migrations/verify/error_codes.sql:7")
    assert shown[at + 2 : at + 5] == [
        "      relation does not exist",
        "      line | select",
        "    > Mend it.",
    ]
    assert shown[at - 1].startswith("changes ... 1 finding")


def test_totals(unsound: Report) -> None:
    """The last lines count what was found and name what is pending."""
    assert lines(unsound)[-2:] == [
        "Findings: 2 errors, 1 warning, 1 remark; 2 ignored; not looked at: drift.",
        "Pending: three @v1, four",
    ]
    assert "contract .. 2 findings  21 checked in 1234.5 s, 2 ignored" in lines(unsound)


def test_nothing_commands_the_terminal(unsound: Report) -> None:
    """What a server said cannot move the cursor or change the colours."""
    assert all(line.isprintable() for line in lines(unsound))


def test_colours(unsound: Report) -> None:
    """Levels have colours, which the command takes out where nobody sees them."""
    assert "\x1b[31merror\x1b[0m" in render(unsound, "text")
