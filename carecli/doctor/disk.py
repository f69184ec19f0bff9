"""Whether there is room where the server keeps its data."""

from __future__ import annotations

import shutil

from carecli.doctor.options import DoctorOptions
from carecli.migrator.target import Target
from carecli.resources import read_sql
from carecli.verification.findings import Finding

__all__ = ["check_disk"]


def check_disk(target: Target, options: DoctorOptions) -> list[Finding]:
    """Return a finding where there is too little room, or where nobody can tell from here.

    Enough is what the options say, and as much as the largest table takes: to rewrite it needs
    both at once.

    Arguments:
        target: project and database.
        options: with the bytes that should be free.
    """
    row = target.connection.execute(read_sql("queries/disk")).fetchone()
    assert row is not None
    size, largest, directory = row
    # Over a network, or through a socket that somebody forwards, the folder is another machine's.
    is_local = directory is not None and target.connection.info.host.startswith("/")
    try:
        free = shutil.disk_usage(directory).free if is_local else None
    except OSError:
        free = None
    if free is None:
        detail = f"the database takes {_shown(size)}; how much is free cannot be seen from here"
        return [Finding("disk", "info", "disk", detail, "look at it on the server itself")]
    wanted = max(options.room, largest)
    if free >= wanted:
        return []
    detail = (
        f"{_shown(free)} are free in {directory}, and {_shown(wanted)} should be; the database "
        f"takes {_shown(size)}, its largest table {_shown(largest)}"
    )
    return [Finding("disk", "warning", "disk", detail, "make room before migrating")]


def _shown(size: int) -> str:
    """Return bytes as a person reads them."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
