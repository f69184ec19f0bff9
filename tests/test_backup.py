"""A dump of the database that is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carecli.backup import dump
from carecli.errors import CarecliError
from tests.plugins.databases import TestDatabase


def test_file_is_for_its_owner_alone(empty_database: TestDatabase, tmp_path: Path) -> None:
    """Whatever the umask, nobody else can read the data."""
    before = os.umask(0)
    try:
        file = dump(
            empty_database.url, tmp_path / "new", server_version=empty_database.server.version
        )
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.name.startswith(f"{empty_database.name}-")
    assert list(file.parent.iterdir()) == [file]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    """Where pg_dump cannot connect there is no file, and no password in what is said."""
    with pytest.raises(CarecliError) as caught:
        dump("postgresql://u:s3cret@127.0.0.1:1/a%2Fb", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "s3cret" not in f"{caught.value.message}{caught.value.detail}"
