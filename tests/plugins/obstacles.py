"""A real pgbouncer before a database, and a real hot standby of a server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from carecli.database import client_program
from carecli.embedded import Server
from tests.plugins.chaos import wait_for

__all__ = ["free_port", "pgbouncer", "standby"]


def account() -> str | None:
    """Return the account for servers that refuse to run as root, where root tests."""
    return "nobody" if os.geteuid() == 0 else None


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pgbouncer(program: Path, database_url: str, mode: str) -> Iterator[str]:
    """Run a pgbouncer before a database; give the URL that leads through it."""
    folder = Path(tempfile.mkdtemp(prefix="carecli-pool-", dir="/tmp"))
    folder.chmod(0o755)
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    port, user = free_port(), account()
    config = folder / "pgbouncer.ini"
    config.write_text(
        "[databases]\n"
        f"app = host={parts['host']} port={parts['port']} dbname={parts['dbname']} user=postgres\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = {mode}\n"
    )
    process = subprocess.Popen(
        [program, config], user=user, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    url = f"postgresql://somebody@127.0.0.1:{port}/app"
    try:
        wait_for("pgbouncer", lambda: process.poll() is not None or answers(port))
        yield url
    finally:
        process.terminate()
        said, _ = process.communicate()
        print(said.decode())
        shutil.rmtree(folder)


def answers(port: int) -> bool:
    """Tell whether somebody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def standby(primary: Server, url: str) -> Iterator[Server]:
    """Run a hot standby of that server."""
    home = Path(tempfile.mkdtemp(prefix="carecli-standby-", dir="/tmp"))
    home.chmod(0o711)
    kept = {
        name: value
        for name, value in primary.settings.items()
        if name not in ("listen_addresses", "port")
    }
    copy = Server(primary.binaries, home / "data", home / "socket", settings=kept)
    program = primary.binaries / "pg_basebackup"
    if not program.exists():
        # Some packages of servers come without it; a newer one does as well.
        found = client_program("pg_basebackup", server_version=primary.version)
        assert found is not None
        program = found
    options = ("-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
    subprocess.run(
        [program, "-D", copy.data, *options, "-d", url],
        check=True,
        capture_output=True,
    )
    if os.geteuid() == 0:
        owner = pwd.getpwuid(primary.data.stat().st_uid)
        subprocess.run(["chown", "-R", f"{owner.pw_uid}:{owner.pw_gid}", copy.data], check=True)
    try:
        copy.start()
        yield copy
    finally:
        copy.stop("immediate")
        shutil.rmtree(home)
