"""A TCP port that leads to the server under test, for clients that know no sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import uri

__all__ = ["TcpUrl"]

TcpUrl = Callable[[TestDatabase], str]


class Forwarder(ThreadingTCPServer):
    """Listens on a port of this machine and leads each client to one socket.

    Arguments:
        path: the socket's path.
    """

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.path = path


class Forwarding(BaseRequestHandler):
    """One client."""

    server: Forwarder

    def handle(self) -> None:
        """Carry bytes both ways until the server hangs up."""
        with socket.socket(socket.AF_UNIX) as target:
            target.connect(self.server.path)
            upwards = threading.Thread(target=carry, args=(self.request, target))
            upwards.start()
            carry(target, self.request)
            upwards.join()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Copy what one end says to the other, until its end, which is passed on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # the other end is gone already
        pass


@pytest.fixture
def tcp_url() -> Iterator[TcpUrl]:
    """Give a function from a database to a URL with a host name and a port for its owner."""
    running: list[tuple[Forwarder, threading.Thread]] = []

    def lead(database: TestDatabase) -> str:
        with psycopg.connect(database.url) as connection:
            host, port = connection.info.host, connection.info.port
        parameters = {**database.server.migrator, "sslmode": "disable"}
        if host.startswith("/"):
            forwarder = Forwarder(f"{host}/.s.PGSQL.{port}")
            thread = threading.Thread(target=forwarder.serve_forever)
            thread.start()
            running.append((forwarder, thread))
            parameters |= {"host": "127.0.0.1", "port": str(forwarder.server_address[1])}
        return uri(parameters, database.name)

    yield lead
    for forwarder, thread in running:
        forwarder.shutdown()
        thread.join()
        forwarder.server_close()
