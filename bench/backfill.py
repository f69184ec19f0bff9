"""Copies V1 messages into V2 beside a live session, and prints rate, memory and longest waits.

A scratch server with PostgreSQL's own durability settings gets V1 conversations of ten messages
and one of a tenth of all messages; then `carecli backfill` runs while one session goes on starting
conversations and sending messages, each call timed. The same calls are timed before without it.

    python bench/backfill.py                        1,000,000 messages, as in the README
    python bench/backfill.py --messages 100000
    python bench/backfill.py --check                exit 1 where a limit is passed
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database

CARECLI = [sys.executable, "-m", "carecli", "--quiet"]
ROSA = UUID("3e334e85-9879-af25-6d38-27d651b7804a")
PEOPLE = 2_000
LEAST_RATE = 20_000  # messages a second

FILL = """
insert into auth.users (id)
select md5('person' || n)::uuid from generate_series(1, {people}) as n;
insert into public.profiles (id, name, verification_status, email_confirmed)
select md5('person' || n)::uuid, 'Person ' || n, 'approved', true
from generate_series(1, {people}) as n;
insert into public.help_requests (id, user_id, title, category)
select md5('request' || n)::uuid, md5('person' || 1 + n % {people})::uuid, 'Help', 'other'
from generate_series(1, {conversations}) as n;
insert into public.conversations (id, help_request_id, created_by, created_at)
select md5('conversation' || n)::uuid, md5('request' || n)::uuid,
    md5('person' || 1 + (n + 1) % {people})::uuid, '2025-01-01'
from generate_series(1, {conversations}) as n;
insert into public.conversation_participants (conversation_id, user_id)
select md5('conversation' || n)::uuid, md5('person' || 1 + (n + k) % {people})::uuid
from generate_series(1, {conversations}) as n, generate_series(0, 1) as k;
insert into public.messages
    (conversation_id, sender_id, recipient_id, content, created_at, read_at)
select md5('conversation' || n)::uuid, md5('person' || 1 + (n + m % 2) % {people})::uuid,
    md5('person' || 1 + (n + 1 - m % 2) % {people})::uuid,
    'Message ' || m || ' of some thirty characters', timestamptz '2025-01-01' + m * interval '1s',
    case when m < 8 then now() end
from generate_series(1, {conversations}) as n,
    generate_series(1, case when n = 1 then {largest} else 10 end) as m;
"""


class Live(threading.Thread):
    """A session that starts a conversation and sends into it, again and again.

    Arguments:
        url: the database, for a superuser.
        first: number of the first person that it acts for.
    """

    def __init__(self, url: str, first: int) -> None:
        super().__init__()
        self._url = url
        self._first = first
        self.stop = threading.Event()
        self.seconds: list[float] = []
        self.failures: list[Any] = []

    def run(self) -> None:
        """Call until told to stop; a person only once, or the limits would turn them away."""
        with psycopg.connect(self._url, autocommit=True) as session:
            request = session.execute(
                "insert into public.help_requests (user_id, title, category)"
                " values (%s, 'Live', 'other') returning id",
                [ROSA],
            ).fetchone()
            assert request is not None
            session.execute("set role authenticated")
            number = self._first
            while not self.stop.is_set() and number < self._first + PEOPLE // 2:
                person = f"md5('person{number}')::uuid"
                session.execute(
                    "select set_config('request.jwt.claims',"
                    f" json_build_object('sub', {person}, 'role', 'authenticated')::text, false)"
                )
                answer = self._timed(
                    session,
                    f"select public.create_conversation_atomic(%s, {person}, 'I can help you')",
                    request[0],
                )
                if key := answer.get("conversation_id"):
                    send = f"select public.send_message_v2(%s, {person}, 'on my way')"
                    for _ in range(5):
                        self._timed(session, send, key)
                        time.sleep(0.01)
                number += 1

    def _timed(self, session: psycopg.Connection, statement: str, argument: Any) -> dict[str, Any]:
        start = time.perf_counter()
        row = session.execute(statement.encode(), [argument]).fetchone()
        self.seconds.append(time.perf_counter() - start)
        assert row is not None
        answer: dict[str, Any] = row[0]
        if not answer["success"]:
            self.failures.append(answer)
        return answer


def measure(server: Server, messages: int, batch: int) -> tuple[dict[str, Any], list[Live]]:
    """Fill a database, copy it beside a live session, and return the answer and the sessions."""
    prepare_database(server.url, "bench", "postgres", sample=True)
    owner, superuser = server.url("bench", "postgres"), server.url("bench")
    migrate = [*CARECLI, "migrate", "--yes", "-d", owner]
    subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
    largest = messages // 10
    conversations = (messages - largest) // 10 + 1
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        script = FILL.format(people=PEOPLE, conversations=conversations, largest=largest)
        connection.execute(script.encode())
        connection.execute("vacuum analyze")
    alone, beside = Live(superuser, 1), Live(superuser, PEOPLE // 2 + 1)
    alone.start()
    time.sleep(5)
    alone.stop.set()
    alone.join()
    beside.start()
    backfill = ["backfill", "--yes", "--batch", str(batch), "--format", "json", "-d", owner]
    done = subprocess.run([*CARECLI, *backfill], check=False, capture_output=True, text=True)
    beside.stop.set()
    beside.join()
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, [alone, beside]


def main() -> None:
    """Run the measurement that the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is passed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(wheel_binaries(), folder / "data", folder / "s")
        server.initialise()
        server.start()
        try:
            answer, (alone, beside) = measure(server, arguments.messages, arguments.batch)
        finally:
            server.stop()
    # Of the largest child, which is the client: the servers are no children of this process.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    lines = {
        "messages copied": f"{answer['messages']['copied']:,}",
        "messages a second": f"{answer['messages_per_second']:,.0f}",
        "seconds of copying": f"{answer['seconds']:.1f}",
        "memory of the largest client, MiB": f"{memory:.0f}",
        "longest transaction, ms": f"{answer['longest_wait_seconds'] * 1000:.0f}",
        "batches, tried again": f"{answer['batches']:,}, {answer['batches_retried']}",
        "longest live call without it, ms": f"{max(alone.seconds) * 1000:.1f}",
        f"longest of {len(beside.seconds):,} beside it, ms": f"{max(beside.seconds) * 1000:.1f}",
        "live calls that failed": f"{len(alone.failures) + len(beside.failures)}",
        "reconciled": "yes" if answer["reconciled"] else "no",
    }
    print("| | |\n|---|---|")
    for label, value in lines.items():
        print(f"| {label} | {value} |")
    if arguments.check and answer["messages_per_second"] < LEAST_RATE:
        sys.exit(f"Fewer than {LEAST_RATE:,} messages a second.")


if __name__ == "__main__":
    main()
