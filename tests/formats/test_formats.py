"""The forms are found in their folder."""

from __future__ import annotations

from pathlib import Path

import carecli.formats
from carecli.formats import format_names


def test_a_form_is_a_file() -> None:
    """Each module of the folder is a form, the one for people first."""
    files = {path.stem for path in Path(carecli.formats.__file__).parent.glob("*.py")}
    assert format_names()[0] == "text"
    assert set(format_names()) == {name for name in files if not name.startswith("_")}
    assert {"text", "json", "junit", "sarif", "github"} <= set(format_names())
