"""Files are written together or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from carecli.errors import CarecliError, Refused
from carecli.files import exclusive, write_together


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder with its content, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_files_are_written(tmp_path: Path) -> None:
    """New files come with their folders, others are replaced and keep their mode."""
    old = tmp_path / "old"
    old.write_bytes(b"1")
    old.chmod(0o640)
    write_together({tmp_path / "a/b/new": b"n"}, {old: b"2"})
    assert contents(tmp_path) == {"a": None, "a/b": None, "a/b/new": b"n", "old": b"2"}
    assert old.stat().st_mode & 0o777 == 0o640


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A new file that is there already stops everything."""
    (tmp_path / "there").write_bytes(b"1")
    with pytest.raises(Refused, match="exists already") as caught:
        write_together({tmp_path / "new": b"", tmp_path / "there": b""}, {})
    assert caught.value.exit_code == 5
    assert contents(tmp_path) == {"there": b"1"}


def test_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    """A link that leads nowhere counts as a file."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        write_together({tmp_path / "link": b""}, {})
    assert not (tmp_path / "elsewhere").exists()


def test_failure_undoes_what_was_done(tmp_path: Path) -> None:
    """Where the last file cannot be written, the others are as they were."""
    old = tmp_path / "old"
    old.write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    before = contents(tmp_path)
    with pytest.raises(CarecliError, match="nothing was changed"):
        write_together({tmp_path / "a/new": b""}, {old: b"2", tmp_path / "folder": b"3"})
    assert contents(tmp_path) == before


def test_file_in_place_of_a_folder(tmp_path: Path) -> None:
    """A file where a folder has to be is an expected fault."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(CarecliError, match="cannot write"):
        write_together({tmp_path / "a/b/new": b""}, {})


def test_linked_file_is_replaced_behind_its_link(tmp_path: Path) -> None:
    """A link stays a link."""
    real = tmp_path / "real"
    real.write_bytes(b"1")
    link = tmp_path / "link"
    link.symlink_to(real)
    write_together({}, {link: b"2"})
    assert link.is_symlink()
    assert real.read_bytes() == b"2"


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second writer waits until the first is done."""
    entered = threading.Event()

    def second() -> None:
        with exclusive(tmp_path):
            entered.set()

    with exclusive(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)
    thread.join()
