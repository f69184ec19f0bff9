"""A page is written whole, or not at all, and over nothing but a report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carecli.errors import CarecliError, Refused
from carecli.reporting.page import render
from carecli.reporting.writing import check_place, write_page
from tests.plugins.reports import REPORTS

PAGE = render(REPORTS["healthy"])


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_new_file(tmp_path: Path) -> None:
    """It has the page, the mode that files have here, and nothing beside it."""
    other = tmp_path / "other"
    other.touch()
    write_page(tmp_path / "out.html", PAGE, force=False)
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == PAGE
    assert (tmp_path / "out.html").stat().st_mode == other.stat().st_mode
    assert names(tmp_path) == ["other", "out.html"]


def test_report_is_replaced(tmp_path: Path) -> None:
    """At once, and with its mode."""
    file = tmp_path / "out.html"
    write_page(file, render(REPORTS["broken"]), force=False)
    file.chmod(0o640)
    before = file.stat().st_ino
    write_page(file, PAGE, force=False)
    assert file.read_text(encoding="utf-8") == PAGE
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.stat().st_ino != before


def test_empty_file_is_replaced(tmp_path: Path) -> None:
    """There is nothing in it to lose: a temporary name is made like that."""
    (tmp_path / "out.html").touch()
    write_page(tmp_path / "out.html", PAGE, force=False)
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == PAGE


def test_other_file_is_left(tmp_path: Path) -> None:
    """A file that is no report stays, but for --force."""
    file = tmp_path / "thesis.html"
    file.write_text("<title>My thesis about carecli report</title>")
    with pytest.raises(Refused, match="is no report"):
        check_place(file, force=False)
    with pytest.raises(Refused, match="is no report") as caught:
        write_page(file, PAGE, force=False)
    assert caught.value.exit_code == 5
    assert "--force" in str(caught.value.hint)
    assert file.read_text().startswith("<title>My thesis")
    write_page(file, PAGE, force=True)
    assert file.read_text(encoding="utf-8") == PAGE


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file_is_left(tmp_path: Path, force: bool) -> None:
    """A pipe or a device would be replaced by a file and be gone, for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(Refused, match="no ordinary file"):
        check_place(Path("/dev/null"), force=force)
    with pytest.raises(Refused, match="no ordinary file"):
        write_page(pipe, PAGE, force=force)
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_link_is_followed(tmp_path: Path) -> None:
    """The file that it leads to is replaced, and the link stays."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there/out.html")
    write_page(tmp_path / "link", PAGE, force=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there/out.html").read_text(encoding="utf-8") == PAGE
    assert names(tmp_path / "there") == ["out.html"]


def test_link_in_a_circle_is_a_clear_error(tmp_path: Path) -> None:
    """It leads nowhere."""
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(CarecliError, match="in a circle"):
        write_page(tmp_path / "link", PAGE, force=False)


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    """No folder is made: it would be a mistyped one."""
    with pytest.raises(CarecliError, match="there is no folder"):
        check_place(tmp_path / "nowhere/out.html", force=False)
    assert names(tmp_path) == []


def test_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full at the last moment, the old report stays, alone."""
    file = tmp_path / "out.html"
    write_page(file, PAGE, force=False)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CarecliError, match="No space left on device; nothing was changed"):
        write_page(file, render(REPORTS["broken"]), force=False)
    assert file.read_text(encoding="utf-8") == PAGE
    assert names(tmp_path) == ["out.html"]
