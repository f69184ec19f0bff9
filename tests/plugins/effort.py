"""How much work a run of the tests does: the slow ones, and the rounds of the randomised ones."""

from __future__ import annotations

import pytest

__all__: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that sets the number of random moments."""
    parser.addoption(
        "--rounds",
        type=int,
        default=40,
        metavar="N",
        help="random moments at which the crash tests kill something (default: 40)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "slow: takes seconds; `make test-fast` leaves it out")
    config.addinivalue_line("markers", "torture: kills at random moments; `make torture` runs more")


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """Give the number of random moments that a crash test has to try."""
    wanted: int = request.config.getoption("--rounds")
    return wanted
