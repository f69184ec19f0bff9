"""Whether there is a session to migrate in: no standby, no pooler, nobody else at work."""

from __future__ import annotations

from carecli.errors import Refused
from carecli.migrator.target import Target
from carecli.preflight import check_session
from carecli.resources import read_sql
from carecli.verification.findings import Finding

__all__ = ["check_migration_lock", "check_session_of"]


def check_session_of(target: Target) -> list[Finding]:
    """Return why a migration would be refused: standby, pooler, or too old a server.

    Arguments:
        target: project and database.
    """
    try:
        check_session(target.connection, target.choice.conninfo)
    except Refused as refusal:
        detail = "\n".join(filter(None, (refusal.message, refusal.detail)))
        return [Finding("session", "error", "session", detail, refusal.hint or "")]
    return []


def check_migration_lock(target: Target) -> list[Finding]:
    """Return who holds the migration lock now, carecli or sqitch.

    Arguments:
        target: project and database.
    """
    rows = target.connection.execute(read_sql("queries/migration_lock_holder")).fetchall()
    return [
        Finding(
            "migration_lock",
            "warning",
            "migration lock",
            f"held by {holder}",
            f"wait for it, or: select pg_catalog.pg_terminate_backend({pid});",
        )
        for pid, holder in rows
    ]
