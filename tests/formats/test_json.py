"""The JSON of a report keeps to the schema that is shipped with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import carecli.formats
from carecli.formats import render
from carecli.verification import Report
from tests.formats.conftest import NASTY


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    """Give the schema, itself checked."""
    path = Path(carecli.formats.__file__).with_name("report.schema.json")
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def answer(report: Report) -> Any:
    """Return what a program reads."""
    return json.loads(render(report, "json"))


def test_sound_report(schema: jsonschema.Draft202012Validator, sound: Report) -> None:
    """A sound database is said to be sound, and what was not looked at says why."""
    found = answer(sound)
    schema.validate(found)
    assert found["sound"] is True
    assert found["parts"][2]["skipped"] == "no server of this version is here"


def test_unsound_report(schema: jsonschema.Draft202012Validator, unsound: Report) -> None:
    """Findings arrive as they were, whatever signs are in them."""
    found = answer(unsound)
    schema.validate(found)
    assert found["sound"] is False
    assert found["parts"][1]["findings"][1]["detail"] == NASTY
    assert found["parts"][1]["ignored"] == 2
    assert found["pending"] == ["three @v1", "four"]
    assert found["notes"] == ["a pattern ignored nothing"]


def test_schema_names_every_field(schema: jsonschema.Draft202012Validator, unsound: Report) -> None:
    """A field more or less would be noticed."""
    for name in answer(unsound):
        less = {key: value for key, value in answer(unsound).items() if key != name}
        assert not schema.is_valid(less)
    assert not schema.is_valid(answer(unsound) | {"more": 1})
