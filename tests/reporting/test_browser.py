"""The page in a real Chromium, on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from carecli.reporting.page import render
from tests.plugins.browser import DESKTOP, PHONE, SMALL_PHONE, TABLET, Browser, View
from tests.plugins.reports import HOSTILE, REPORTS

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.peer("chromedriver"), pytest.mark.slow]

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")

each_report = pytest.mark.parametrize("name", REPORTS)
each_view = pytest.mark.parametrize(
    "view", [DESKTOP, TABLET, PHONE, SMALL_PHONE], ids=lambda view: view.name
)
each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])

Look = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a function that writes the page of a report and returns the file."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        file = folder / f"{name}.html"
        file.write_text(render(REPORTS[name]), encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="module")
def look(browser: Browser, page: Callable[[str], Path], artefacts: Path) -> Look:
    """Give a function that opens the page of a report, keeps a picture and tells what is there."""

    @cache
    def open_and_look(
        name: str, view: View = DESKTOP, *, scheme: str = "light", media: str = ""
    ) -> dict[str, Any]:
        browser.open(page(name), view, scheme=scheme, media=media)
        picture = "-".join(filter(None, (name, view.name, scheme, media)))
        browser.screenshot(artefacts / "report" / f"{picture}.png")
        found: dict[str, Any] = browser.evaluate(LOOK)
        return found

    return open_and_look


@each_report
@each_view
def test_page_fits(look: Look, name: str, view: View) -> None:
    """Nothing is wider than the screen, nothing spills out of its box."""
    found = look(name, view)
    assert found["width"] == [view.width, view.width]
    assert found["beyond"] == []
    assert found["spilling"] == []
    if name != "hostile":
        assert found["shredded"] == []


@each_report
@each_view
def test_plots_are_drawn(look: Look, name: str, view: View) -> None:
    """Each plot has a size, something drawn in it, and labels that are whole and apart."""
    plots = look(name, view)["plots"]
    assert len(plots) == {"healthy": 6, "broken": 6, "empty": 0, "hostile": 1}[name]
    for plot in plots:
        assert (plot["role"], plot["drawn"]) == ("img", True), plot
        assert min(plot["width"], plot["height"]) > 100, plot
        assert plot["described"] > 40, plot
        assert (plot["overlaps"], plot["cut"]) == ([], []), plot
        assert min(plot["sizes"]) > 10, plot


@each_report
@each_scheme
@pytest.mark.parametrize("view", [DESKTOP, PHONE], ids=lambda view: view.name)
def test_text_stands_out(look: Look, name: str, view: View, scheme: str) -> None:
    """Text has the contrast that WCAG asks for, lines that of graphics, by day and by night."""
    found = look(name, view, scheme=scheme)
    assert found["pale"] == []
    assert found["small"] == []
    assert min(found["lines"], default=3) >= 3
    assert (found["ground"] < 0.1) is (scheme == "dark")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("healthy", "Healthy: no alert fires"),
        ("broken", "Critical: 4 alerts fire"),
        ("empty", "No verdict: there is no data"),
    ],
)
@pytest.mark.parametrize("view", [DESKTOP, PHONE], ids=lambda view: view.name)
def test_verdict_is_seen_first(look: Look, name: str, words: str, view: View) -> None:
    """The verdict is on the first screen, and in the title."""
    found = look(name, view)
    assert found["verdict"]["text"].startswith(words)
    assert 0 < found["verdict"]["top"] < found["verdict"]["bottom"] < view.height
    assert found["title"].startswith(words)


@each_report
def test_nothing_is_loaded_from_elsewhere(
    browser: Browser, page: Callable[[str], Path], name: str
) -> None:
    """The file is all that the browser asks for, and it has nothing to complain of."""
    browser.open(page(name), PHONE)
    asked = [url for url in browser.requests() if not url.startswith("data:,")]
    assert [url.rpartition("/")[2] for url in asked] == [f"{name}.html"]
    assert browser.complaints() == []


def test_hostile_text_stays_text(look: Look) -> None:
    """What somebody wrote is shown as it was written, and is not markup."""
    found = look("hostile")
    assert found["foreign"] == 0
    assert found["said"].count(HOSTILE) > 10
    assert found["title"].startswith("Critical")


def test_policy_stops_what_would_get_in(browser: Browser, page: Callable[[str], Path]) -> None:
    """Markup that got in all the same could neither run nor send anything."""
    browser.open(page("healthy"))
    browser.evaluate(
        """
        const script = document.createElement('script');
        script.textContent = "document.title = 'caught'";
        const image = document.createElement('img');
        image.src = 'http://127.0.0.1:9/image';
        document.body.append(script, image);
        """
    )
    complaints = browser.complaints()
    assert browser.evaluate("return document.title") != "caught"
    assert any("script-src" in text or "inline script" in text for text in complaints), complaints
    assert any("127.0.0.1:9/image" in text and "img-src" in text for text in complaints), complaints


def test_print_is_for_paper(look: Look) -> None:
    """On paper the ground is white, also for who likes it dark."""
    found = look("broken", scheme="dark", media="print")
    assert found["ground"] == 1
    assert found["pale"] == []


@pytest.mark.parametrize("view", [DESKTOP, PHONE], ids=lambda view: view.name)
def test_screen_reader_finds_its_way(
    browser: Browser, page: Callable[[str], Path], view: View
) -> None:
    """Plots are images with a name, tables are tables with headings, whatever the screen."""
    browser.open(page("broken"), view)
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in browser.command("Accessibility.getFullAXTree")["nodes"]
        if not node["ignored"]
    ]
    assert [name for role, name in nodes if role == "image" and not name] == []
    assert len([name for role, name in nodes if role == "image"]) == 6
    tables = {name for role, name in nodes if role == "table"}
    assert {"Alert rules", "Metrics", "Conditions", "History of the flag"} <= tables
    columns = {name for role, name in nodes if role == "columnheader"}
    assert {"Rule", "State", "Fires", "Target"} <= columns
