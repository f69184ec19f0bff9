"""The checks that are a statement each: `sql/doctor/*.sql`, and a folder for a project's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carecli.doctor.options import DoctorOptions
from carecli.migrator.target import Target
from carecli.resources import data_directory
from carecli.verification.findings import Finding

__all__ = ["load_statements", "run_statement"]


def load_statements(folder: str = "") -> list[Path]:
    """Return the files of a folder below `sql/doctor`, by name.

    Arguments:
        folder: name of a project, for what concerns its plan alone; "" for every server.
    """
    base = data_directory("sql") / "doctor"
    # A project may be called anything, such as `../x`, so its name is only compared.
    return sorted(
        path
        for path in base.rglob("*.sql")
        if (path.parent == base if not folder else path.parent.name == folder != base.name)
    )


def run_statement(
    target: Target, path: Path, options: DoctorOptions, *, client_time: datetime | None = None
) -> list[Finding]:
    """Run one check: each row of its answer is a finding (level, object, detail, remediation).

    Arguments:
        target: project and database.
        path: the file.
        options: parameters of the statement.
        client_time: what this machine's clock shows; default: now.

    Raises:
        psycopg.Error: the server refused the statement.
    """
    parameters: dict[str, Any] = {
        "registry": target.settings.registry or target.project.registry,
        "patience": options.patience,
        "client_time": client_time or datetime.now(UTC),
    }
    query = path.read_bytes()
    rows = target.connection.execute(query, parameters).fetchall()
    return [Finding(path.stem, *row) for row in rows]
