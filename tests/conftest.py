"""Names the plugins; the fixtures are in them."""

from __future__ import annotations

from pathlib import Path

import pytest

# The plugins import each other, so the package is announced before the first of them is loaded.
pytest.register_assert_rewrite("tests.plugins")

# Every module of the folder is a plugin, so that a new one is a new file and nothing else.
pytest_plugins = [
    f"tests.plugins.{module.stem}"
    for module in sorted((Path(__file__).parent / "plugins").glob("[!_]*.py"))
]
