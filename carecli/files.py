"""Files that are written together, or not at all, and never over something unseen."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from carecli.errors import CarecliError, Refused

__all__ = ["exclusive", "write_together"]


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold a folder against other processes that ask for it here, until the block ends.

    Arguments:
        directory: the folder; nothing is written into it.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CarecliError(f"cannot open folder {directory}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_together(new: Mapping[Path, bytes], changed: Mapping[Path, bytes]) -> None:
    """Create files and replace others; where one cannot be written, all stay as they were.

    Arguments:
        new: contents of files that must not exist yet; their folders are made.
        changed: new contents of files, replaced one by one in this order, each at once.

    Raises:
        Refused: one of the new files is there already.
        CarecliError: a file cannot be written.
    """
    existing = [path for path in new if path.exists() or path.is_symlink()]
    if existing:
        raise Refused(
            f"{existing[0]} exists already; nothing was changed",
            detail="\n".join(map(str, existing)) if len(existing) > 1 else None,
            hint="move it away, or choose another name",
        )
    try:
        with ExitStack() as undo:
            for path, content in new.items():
                _make_folders(path.parent, undo)
                _create(path, content, undo)
            for path, content in changed.items():
                before = path.read_bytes()
                _replace(path, content)
                undo.callback(_replace, path, before)
            undo.pop_all()
    except OSError as error:
        raise CarecliError(
            f"cannot write {error.filename}: {error.strerror}; nothing was changed"
        ) from None


def _make_folders(folder: Path, undo: ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        undo.callback(_remove_folder, each)


def _remove_folder(folder: Path) -> None:
    # Someone else may have put a file there in the meantime: then it stays.
    with suppress(OSError):
        folder.rmdir()


def _create(path: Path, content: bytes, undo: ExitStack) -> None:
    with path.open("xb") as file:
        undo.callback(path.unlink)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes) -> None:
    """Put new content into a file at once: a reader sees the old or the new, never a part."""
    real = path.resolve()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(real.stat().st_mode & 0o7777)
        temporary.replace(real)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
