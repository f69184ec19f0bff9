"""The page as a file: whole in itself, the same each time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from carecli.reporting.model import Part
from carecli.reporting.page import GENERATOR, render
from tests.plugins.reports import HOSTILE, REPORTS, card, report

ROOT = Path(__file__).resolve().parent.parent.parent

each_report = pytest.mark.parametrize("name", REPORTS)


@each_report
def test_page_is_the_same_each_time(name: str) -> None:
    """The same report gives the same bytes: here again, elsewhere, in another time zone."""
    code = (
        "import sys; from carecli.reporting.page import render; "
        "from tests.plugins.reports import REPORTS; "
        f"sys.stdout.buffer.write(render(REPORTS[{name!r}]).encode())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
    )
    assert elsewhere.stdout.decode() == render(REPORTS[name])


@each_report
def test_page_names_nothing_outside(name: str) -> None:
    """No address that a browser would go to; links lead to places of the page."""
    page = render(REPORTS[name])
    assert re.findall(r"(?:src|srcset|action|poster|xlink:href|background)=", without(page)) == []
    assert {href[0] for href in re.findall(r'href="([^"]*)"', page)} <= {"#", "d"}
    assert re.findall(r"@import|url\(", page) == []
    targets = set(re.findall(r'href="#([^"]*)"', page))
    assert targets <= set(re.findall(r'id="([^"]*)"', page))


def without(page: str) -> str:
    """Return the page without what the hostile report says."""
    return re.sub(r"&lt;img src=x on", "", page)


@each_report
def test_policy_comes_first(name: str) -> None:
    """The policy is there before anything that it is about, and lets nothing in."""
    page = render(REPORTS[name])
    policy = page.index("Content-Security-Policy")
    assert policy < page.index("<title>")
    assert policy < page.index("<style>")
    (content,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert content.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script" not in content


@each_report
def test_page_says_what_it_is(name: str) -> None:
    """A language, a viewport for telephones, and its maker in the first bytes."""
    page = render(REPORTS[name])
    assert page.startswith('<!doctype html>\n<html lang="en"><head>')
    assert 'content="width=device-width, initial-scale=1"' in page
    assert f'<meta name="generator" content="{GENERATOR} 1.2.3">' in page[:1024]


def test_ids_are_unique() -> None:
    """No two parts of the page have one name."""
    found = re.findall(r' id="([^"]*)"', render(REPORTS["broken"]))
    assert len(found) == len(set(found))


def test_hostile_text_is_escaped_everywhere() -> None:
    """No text of the database opens or closes an element."""
    page = render(REPORTS["hostile"])
    assert HOSTILE not in page
    assert (
        page.count("</style>") == page.count("</title></head>") + page.count("</style></head>") == 1
    )
    assert "<img" not in page
    assert "<script" not in page


def test_secrets_are_not_there() -> None:
    """What is shown of the database is what it was given, which has no password."""
    assert "postgresql://oncall@db.example.org:5432/app" in render(report())


def test_no_data_is_called_so() -> None:
    """In the plots, the values and the verdict; nowhere a zero, nowhere healthy."""
    page = render(REPORTS["empty"])
    assert "No data in the last 24 hours." in page
    assert "No data in these 8 days." in page
    assert 'class="plot"' not in page
    assert not re.search(r">0\s(%|ms)<", page)
    assert "ealthy" not in page.partition("</style>")[2]


def test_part_that_cannot_be_read_says_so() -> None:
    """Each part stands for itself."""
    lost: Part[None] = Part(None, "this role may not", "Ask for more.")
    page = render(report(alerts=lost, rollout=lost, gate=lost, migration=lost))
    assert page.count("Not available: this role may not.") == 3
    assert page.count("Ask for more.") == 3
    assert "Gate of the next phase" not in page  # there is no rollout that it would be of
    page = render(report(gate=lost))
    assert "Gate of the next phase" in page


def test_metric_that_cannot_be_read_says_so() -> None:
    """With the words of the server."""
    page = render(report(cards=(card("lost", rows=(), verdict="unavailable", problem="too slow"),)))
    assert "Could not be measured: too slow" in page
    assert "Could not be measured: there is no such metric" in page  # errors and tables


def test_style_is_sound() -> None:
    """Every brace of the style is closed, and nothing in it ends the element."""
    style = (ROOT / "carecli/reporting/style.css").read_text(encoding="utf-8")
    assert style.count("{") == style.count("}")
    assert "</" not in style
    used = set(re.findall(r"var\((--[\w-]+)\)", style))
    assert used <= set(re.findall(r"(--[\w-]+):", style))
