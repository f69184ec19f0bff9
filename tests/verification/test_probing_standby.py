"""A standby is not probed, and that is said."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from tests.plugins.obstacles import standby
from tests.plugins.postgres import TestServer
from tests.plugins.probes import probe_url


@pytest.fixture
def primary(server: TestServer) -> Iterator[Server]:
    """Give a server that a standby can follow."""
    home = Path(tempfile.mkdtemp(prefix="carecli-primary-", dir="/tmp"))
    home.chmod(0o711)
    binaries = server.bin or wheel_binaries()
    settings = {"fsync": "off", "wal_level": "replica"}
    running = Server(
        binaries, home / "data", home / "socket", superuser="postgres", settings=settings
    )
    try:
        running.initialise(["--no-sync"])
        running.start()
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def test_standby_is_skipped(primary: Server) -> None:
    """On a hot standby nothing is tried; the part gives that as the reason."""
    with standby(primary, primary.url("postgres")) as copy:
        part = probe_url(copy.url("postgres", "postgres"))
    assert part.findings == ()
    assert part.skipped is not None
    assert "standby" in part.skipped
