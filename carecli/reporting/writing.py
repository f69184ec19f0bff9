"""Puts a page into a file: whole or not at all, and never over something that is no report."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from carecli.errors import CarecliError, Refused
from carecli.reporting.page import GENERATOR

__all__ = ["check_place", "write_page"]

_MARK = f'<meta name="generator" content="{GENERATOR}'.encode()
_HEAD = 1024  # bytes in which a report says what it is


def check_place(path: Path, *, force: bool) -> None:
    """Make sure that a report may be written there, before the work is done.

    Arguments:
        path: the file.
        force: whether a file that is no report may be replaced.

    Raises:
        Refused: something is there that is no report.
        CarecliError: there is no such folder, or nothing may be written into it.
    """
    try:
        real = _real(path)
        folder = real.parent
        if not folder.is_dir():
            raise _cannot(path, f"there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _cannot(path, f"this user may not write into {folder}")
        if not real.exists():
            return
        if not real.is_file():
            # A device or a pipe would be replaced by a file, and lost.
            raise Refused(f"{path} is no ordinary file; it was left as it is", hint=_HINT)
        if not force and not _is_report(real):
            raise Refused(
                f"{path} is there already and is no report; it was left as it is",
                hint="Choose another name, or replace it with --force.",
            )
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from None


_HINT = "Name a file, or write to standard output: --out -"


def _real(path: Path) -> Path:
    """Return the file that a link leads to."""
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise _cannot(path, "the link leads in a circle")
    return real


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return not head or _MARK in head


def write_page(path: Path, page: str, *, force: bool) -> None:
    """Write the page; who reads the file meanwhile sees the old one or the new one.

    Arguments:
        path: the file; one that is replaced keeps its mode.
        page: its contents.
        force: as for `check_place`, which is asked again.

    Raises:
        Refused: something is there that is no report.
        CarecliError: it cannot be written; nothing was changed.
    """
    check_place(path, force=force)
    real = _real(path)
    temporary = real.with_name(f".{real.name[:200]}.{secrets.token_hex(6)}")
    try:
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(handle, "wb") as file:
                file.write(page.encode())
                file.flush()
                os.fsync(file.fileno())
            if real.exists():
                temporary.chmod(real.stat().st_mode & 0o7777)
            temporary.replace(real)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from None


def _cannot(path: Path, why: str) -> CarecliError:
    return CarecliError(f"cannot write {path}: {why}; nothing was changed", hint=_HINT)
