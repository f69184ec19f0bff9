"""Names the plugins; the fixtures are in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The plugins import each other, so the package is announced before the first of them is loaded.
pytest.register_assert_rewrite("tests.plugins")

# Every module of the folder is a plugin, so that a new one is a new file and nothing else.
pytest_plugins = [
    f"tests.plugins.{module.stem}"
    for module in sorted((Path(__file__).parent / "plugins").glob("[!_]*.py"))
]

# An example may be the first that needs a module or a connection; in CI Hypothesis has its own
# profile, which looks at no clock either.
if "CI" not in os.environ:
    settings.register_profile("carecli", deadline=None)
    settings.load_profile("carecli")
