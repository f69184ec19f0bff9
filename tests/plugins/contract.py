"""Runs the checks of the contract against a database of a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from carecli.database import Choice, connect
from carecli.migrator.target import Target
from carecli.project import Project
from carecli.resources import data_directory
from carecli.settings import Settings
from carecli.verification.contract import Check, verify_contract
from carecli.verification.findings import Part
from tests.plugins.databases import TestDatabase

__all__ = ["Verify"]

Verify = Callable[..., Part]


@cache
def our_project() -> Project:
    """Return our project; it is read once."""
    return Project.load(data_directory("migrations"))


@pytest.fixture
def verify() -> Verify:
    """Give a function that runs checks, all by default, as the owner of a database."""

    def run(
        database: TestDatabase,
        checks: tuple[Check, ...] | None = None,
        project: Project | None = None,
    ) -> Part:
        with connect(database.url) as connection:
            choice = Choice(database.url, "test")
            return verify_contract(
                Target(project or our_project(), choice, connection, Settings()), checks
            )

    return run
