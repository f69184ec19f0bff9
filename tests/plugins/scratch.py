"""A throw-away PostgreSQL cluster made from the programs in a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from carecli.embedded import Server
from carecli.errors import CarecliError

__all__ = ["SETTINGS", "scratch_server"]

# The tests' server may lose everything at a power cut; tests of crashes start their own.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "logical",
    "max_wal_size": "256MB",
    "max_connections": "200",
    # Its workers would take places, and hold locks and snapshots, where a test counts them.
    "autovacuum": "off",
}

PREFIX = "carecli-tests-"
NEEDED = 2 * 1024**3  # bytes; a run has never more than a tenth of it


@contextmanager
def scratch_server(binaries: Path, *, superuser: str) -> Iterator[dict[str, str | int | None]]:
    """Run a cluster in a folder of its own; give its libpq parameters; remove it at the end.

    Arguments:
        binaries: folder with initdb and postgres.
        superuser: name of the bootstrap superuser; it needs no password, as only the
            owner of the folder can reach the socket.
    """
    base = roomy_folder()
    clear_remains(base)
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    home.chmod(0o711)  # where root tests, the server's own account has to pass here
    server = cluster(binaries, home, superuser)
    try:
        server.initialise(["--no-sync"])
        server.start()
        yield conninfo_to_dict(server.url())
    finally:
        server.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def cluster(binaries: Path, home: Path, superuser: str = "supabase_admin") -> Server:
    """Return the server of a folder, whether it runs or not."""
    return Server(binaries, home / "data", home / "socket", superuser=superuser, settings=SETTINGS)


def roomy_folder() -> Path:
    """Return where clusters go: memory, in which a database is cloned ten times faster, or /tmp.

    Not the usual tmp_path: a socket's path has to fit into 107 bytes.
    """
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > NEEDED:
        return memory
    return Path("/tmp")


def clear_remains(base: Path) -> None:
    """Stop and remove the clusters of test runs that were killed."""
    for home in base.glob(f"{PREFIX}*-*"):
        process = home.name.removeprefix(PREFIX).split("-")[0]
        # Another worker of this run may be at the same.
        with suppress(OSError, CarecliError):
            if not Path("/proc", process).exists() and home.stat().st_uid == os.getuid():
                cluster(home, home).stop("immediate")
                shutil.rmtree(home, ignore_errors=True)
