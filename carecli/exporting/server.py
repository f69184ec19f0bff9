"""The HTTP server of the exporter: /metrics, /healthz, and a page that names them."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

from carecli.errors import CarecliError, InvalidUsage
from carecli.exporting.prometheus import families_of_round

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

    from carecli.exporting.rounds import Rounds

__all__ = ["Exporter", "application", "parse_listen"]

_MOST_REQUESTS = 128
"""Requests that are answered at once; further ones wait at the door of the system."""

_PATIENCE = 10.0
"""Seconds that a client may let the server wait for the next part of its request."""

_POLL = 0.1
"""Seconds between two looks whether to stop taking requests."""

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")

_INDEX = b"""<!DOCTYPE html>
<html lang="en">
<title>carecli metrics</title>
<h1>carecli metrics</h1>
<p><a href="/metrics">/metrics</a>: for Prometheus
<p><a href="/healthz">/healthz</a>: whether this exporter lives, and when it last saw the database
"""

Start = Callable[[str, list[tuple[str, str]]], Any]


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port; an empty host is every address of the machine.

    Arguments:
        text: `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; port 0 is any free one.

    Raises:
        InvalidUsage: it is none of these.
    """
    match = _LISTEN.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535:
        raise InvalidUsage(
            f"{text!r} is no address to listen on",
            hint="Write 127.0.0.1:9187, [::1]:9187, or :9187 for every address of this machine.",
        )
    return match["six"] or match["host"] or "", int(match["port"])


class _Shown(Collector):
    """Gives the writer of prometheus-client what the rounds say."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    def collect(self) -> Iterable[Family]:
        return families_of_round(self._rounds.get())


def application(rounds: Rounds) -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    """Return the WSGI application.

    Arguments:
        rounds: where the metrics come from.
    """
    registry = CollectorRegistry(auto_describe=False, support_collectors_without_names=True)
    # Not described by what it collects, or registering it would ask the database.
    registry.register(_Shown(rounds))
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _plain(start, "405 Method Not Allowed", "use GET", [("Allow", "GET, HEAD")])
        if path == "/metrics":
            body = _scraped(metrics, {**environ, "REQUEST_METHOD": "GET"}, start)
        elif path == "/healthz":
            body = _json(start, _health(rounds))
        elif path == "/":
            start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            body = [_INDEX]
        else:
            return _plain(start, "404 Not Found", "there are /metrics and /healthz")
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else body

    return answer


def _scraped(
    metrics: Callable[[dict[str, Any], Start], Iterable[bytes]],
    environ: dict[str, Any],
    start: Start,
) -> Iterable[bytes]:
    try:
        return metrics(environ, start)
    except (TypeError, ValueError):
        # The Accept header names a version that is none; prometheus-client stumbles over it.
        environ.pop("HTTP_ACCEPT", None)
        return metrics(environ, start)


def _health(rounds: Rounds) -> dict[str, Any]:
    """Return that the process lives, and how the database was when it was last asked."""
    latest, age = rounds.latest, rounds.age
    if latest is None or age is None:
        return {"status": "alive", "database": "not asked yet"}
    health: dict[str, Any] = {"status": "alive", "database": "up" if latest.up else "down"}
    if latest.error is not None:
        health["error"] = latest.error
    return {**health, "asked_seconds_ago": round(age, 3)}


def _json(start: Start, answer: dict[str, Any]) -> list[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode() + b"\n"]


def _plain(
    start: Start, status: str, text: str, headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
    return [f"{text}\n".encode()]


class _Handler(WSGIRequestHandler):
    """Answers one request, and writes no line about it: a path may hold a secret."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
        pass

    def address_string(self) -> str:
        # The base class would ask a name server who calls.
        return str(self.client_address[0])


class Exporter(ThreadingMixIn, WSGIServer):
    """A server that listens, with a thread for each request.

    Arguments:
        listen: host and port, as `parse_listen` returns them.
        rounds: where the metrics come from.

    Raises:
        CarecliError: nobody can listen there.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_REQUESTS

    def __init__(self, listen: tuple[str, int], rounds: Rounds) -> None:
        self._places = threading.BoundedSemaphore(_MOST_REQUESTS)
        self._ending = False
        host, port = listen
        try:
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, _, _, _, address = found[0]
            self.address_family = family
            super().__init__(address, _Handler)  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            raise _cannot_listen(host, port, error) from None
        self.set_app(application(rounds))

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}/metrics"

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; where there are too many, the next one waits here."""
        while not self._places.acquire(timeout=_POLL):
            if self._ending:
                self.shutdown_request(request)
                return
        try:
            super().process_request(request, client_address)
        except Exception:
            # No thread was to be had, which would have made room when it had answered.
            self._places.release()
            raise

    def begin_serving(self) -> threading.Event:
        """Take requests in a thread of their own, until `shutdown`; what is returned is set then.

        Signals strike in the main thread, which has only to wait for it: nothing in the answering
        of a request could swallow an interrupt.
        """
        over = threading.Event()

        def serve() -> None:
            try:
                self.serve_forever(_POLL)
            finally:
                over.set()

        # A daemon, so that nothing waits for it should the end be interrupted once more.
        threading.Thread(target=serve, name="carecli exporter", daemon=True).start()
        return over

    def shutdown(self) -> None:
        """Let no further request in, also where one waits for a place, and wait for that."""
        self._ending = True
        super().shutdown()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away; there is nobody to tell."""


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> CarecliError:
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = getattr(error, "errno", None)
    words = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
    return CarecliError(
        f"cannot listen on {shown}",
        detail=words,
        hint="Choose another address with --listen; port 0 is any free one.",
    )
