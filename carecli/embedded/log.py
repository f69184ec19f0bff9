"""The file that a server's messages go to."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["LIMIT", "tail", "trim"]

LIMIT = 8 * 1024 * 1024
"""Bytes at which a log is cut."""


def tail(log: Path, began: int = 0) -> str:
    """Return the last lines of a log.

    Arguments:
        log: the file; it may not be there yet.
        began: byte position before which nothing is of interest.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(began, size - 4096))
            text = os.fsdecode(file.read())
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-12:])


def trim(log: Path) -> None:
    """Keep a log below its limit: what is in it moves to `NAME.log.1`, in place of the last such.

    The server appends, so that it goes on at the new end of a file cut under it.

    Arguments:
        log: the file; it may not be there yet.
    """
    with suppress(FileNotFoundError):
        if log.stat().st_size > LIMIT:
            old = log.with_name(f"{log.name}.1")
            old.touch(mode=0o600)  # statements are in it
            shutil.copyfile(log, old)
            os.truncate(log, 0)
