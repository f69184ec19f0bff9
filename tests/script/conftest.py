"""The real psql, run through a relay that writes down what it sends."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.plugins.databases import TestDatabase


@dataclass(slots=True)
class Sent:
    """What psql sent for one script: its queries and, for each COPY, the data."""

    queries: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)


RunPsql = Callable[[str, Mapping[str, str]], Sent]


@pytest.fixture
def run_psql(empty_database: TestDatabase, tmp_path: Path) -> RunPsql:
    """Give a function that runs a script with psql and tells what psql sent."""
    beside_server = empty_database.server.bin
    program = shutil.which("psql", path=beside_server) if beside_server else None
    program = program or shutil.which("psql")
    assert program is not None, "these tests compare with psql, which is not on PATH"
    parameters = conninfo_to_dict(empty_database.url)

    def run(text: str, variables: Mapping[str, str]) -> Sent:
        script = tmp_path / "script.sql"
        script.write_bytes(text.encode())
        sent = Sent()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            relay = threading.Thread(target=_relay, args=(listener, parameters, sent))
            relay.start()
            address = {"host": "127.0.0.1", "port": listener.getsockname()[1]}
            url = make_conninfo(
                **{**parameters, **address, "sslmode": "disable", "gssencmode": "disable"}
            )
            options = [f"--set={name}={value}" for name, value in variables.items()]
            subprocess.run(
                [program, "-X", "-q", *options, "-f", script, "-d", url],
                env={**os.environ, "PGCLIENTENCODING": "UTF8"},
                capture_output=True,
                timeout=60,
                check=False,
            )
            relay.join(timeout=60)
        return sent

    return run


def _relay(listener: socket.socket, parameters: Mapping[str, object], sent: Sent) -> None:
    """Relay one connection to the server; keep the queries and the COPY data."""
    client, _ = listener.accept()
    host, port = str(parameters["host"]), int(str(parameters.get("port", 5432)))
    if host.startswith("/"):
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(f"{host}/.s.PGSQL.{port}")
    else:
        upstream = socket.create_connection((host, port))
    with client, upstream:
        back = threading.Thread(target=_pump, args=(upstream, client))
        back.start()
        with client.makefile("rb") as stream:
            # The first message has no type; all others begin with one.
            length = stream.read(4)
            upstream.sendall(length + stream.read(struct.unpack("!I", length)[0] - 4))
            data: list[bytes] = []
            while head := stream.read(5):
                kind, size = struct.unpack("!cI", head)
                body = stream.read(size - 4)
                if kind == b"Q":
                    sent.queries.append(body[:-1].decode())
                elif kind == b"d":
                    data.append(body)
                elif kind == b"c":
                    sent.copied.append(b"".join(data).decode())
                    data = []
                upstream.sendall(head + body)
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_RDWR)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_RDWR)
