"""A session that can be migrated in, and what is none; poolers and standbys: `tests/chaos`."""

from __future__ import annotations

import psycopg

from carecli.preflight import check_session
from tests.plugins.databases import TestDatabase


def test_session_of_a_server_passes_and_is_left_idle(empty_database: TestDatabase) -> None:
    """A plain session is let through, with nothing set and no transaction open."""
    connection = empty_database.connect()
    check_session(connection, empty_database.url)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    count = "select count(*) from pg_stat_activity where datname = current_database()"
    assert empty_database.connect().execute(count).fetchone() == (2,)
