"""A real Chromium without a window, and what it makes of a page."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["DESKTOP", "PHONE", "SMALL_PHONE", "TABLET", "Browser", "View"]

ARTEFACTS = Path(__file__).resolve().parent.parent / "artefacts"

# A page of our own in an account of its own: no sandbox for root, and nothing asked of the network.
OPTIONS = (
    "--headless=new --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
)


@dataclass(frozen=True, slots=True)
class View:
    """What a page is looked at with.

    Arguments:
        name: for the screenshots.
        width: of the window, in CSS pixels.
        height: the same.
        is_phone: whether it is a telephone, with a dense screen.
    """

    name: str
    width: int
    height: int
    is_phone: bool


DESKTOP = View("desktop", 1280, 900, is_phone=False)
PHONE = View("phone", 390, 844, is_phone=True)
TABLET = View("tablet", 720, 1024, is_phone=False)
SMALL_PHONE = View("small-phone", 360, 640, is_phone=True)


class Browser:
    """Opens pages, and tells what came of it.

    Arguments:
        driver: of a running Chromium, which logs what it does.
    """

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def open(
        self, page: Path, view: View = DESKTOP, *, scheme: str = "light", media: str = ""
    ) -> None:
        """Show a page.

        Arguments:
            page: a file.
            view: window.
            scheme: `light` or `dark`: what the user prefers.
            media: `print`, or nothing for the screen.
        """
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=view.width,
            height=view.height,
            deviceScaleFactor=2 if view.is_phone else 1,
            mobile=view.is_phone,
        )
        self._log("performance")
        self._log("browser")
        self._driver.get(page.as_uri())

    def command(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol; return its answer."""
        answer: dict[str, Any] = self._driver.execute_cdp_cmd(name, parameters)
        return answer

    def evaluate(self, script: str) -> Any:
        """Return what a script that is a function's body returns."""
        return self._driver.execute_script(script)

    def requests(self) -> list[str]:
        """Return the addresses asked for since the page was opened, its own first."""
        messages = [json.loads(row["message"]) for row in self._log("performance")]
        return [
            message["message"]["params"]["request"]["url"]
            for message in messages
            if message["message"]["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return what stands in the console since the page was opened."""
        return [row["message"] for row in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was logged since it was asked for last."""
        rows: list[dict[str, Any]] = self._driver.get_log(kind)  # type: ignore[no-untyped-call]
        return rows

    def screenshot(self, file: Path) -> None:
        """Write a picture of the whole page."""
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(taken["data"]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where the pictures go."""
    parser.addoption(
        "--artefacts",
        type=Path,
        default=ARTEFACTS,
        metavar="DIR",
        help="folder for what a person may want to look at: screenshots (default: tests/artefacts)",
    )


@pytest.fixture(scope="session")
def artefacts(request: pytest.FixtureRequest) -> Path:
    """Give the folder for what a person may want to look at."""
    folder: Path = request.config.getoption("--artefacts")
    return folder


@pytest.fixture(scope="session")
def browser(
    peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Give a Chromium with a profile and a home of its own; end it with the run."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    home = tmp_path_factory.mktemp("chromium")
    options = ChromeOptions()
    options.binary_location = str(peer("chromium"))
    for argument in (*OPTIONS.split(), f"--user-data-dir={home / 'profile'}"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = Service(str(peer("chromedriver")), env={**os.environ, "HOME": str(home)})
    driver = Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
