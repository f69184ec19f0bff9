"""The SARIF of a report keeps to OASIS's schema, and to what GitHub asks beyond it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from carecli.formats import render
from carecli.verification import Report

SCHEMA = Path(__file__).with_name("schemas") / "sarif-2.1.0.json"


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    """Give OASIS's schema."""
    return jsonschema.Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def run(report: Report) -> dict[str, Any]:
    """Return the only run of the log."""
    log = json.loads(render(report, "sarif"))
    (only,) = log["runs"]
    return dict(only)


@pytest.mark.parametrize("name", ["sound", "unsound"])
def test_keeps_to_the_schema(
    schema: jsonschema.Draft4Validator, request: pytest.FixtureRequest, name: str
) -> None:
    """With and without findings the log is valid SARIF 2.1.0."""
    schema.validate(json.loads(render(request.getfixturevalue(name), "sarif")))


def test_results_name_their_rules(unsound: Report) -> None:
    """Each result points to the rule of its check, which has a text of help."""
    found = run(unsound)
    rules = found["tool"]["driver"]["rules"]
    assert [result["ruleId"] for result in found["results"]] == [
        "changes/failed",
        "contract/row_security",
        "contract/row_security",
        "contract/comments",
    ]
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    assert [result["level"] for result in found["results"]] == ["error", "error", "warning", "note"]


def test_code_scanning_can_place_each_result(unsound: Report) -> None:
    """Each result has a file, named from the top of the repository, and a line: GitHub wants it."""
    physical = [result["locations"][0]["physicalLocation"] for result in run(unsound)["results"]]
    places = [(item["artifactLocation"]["uri"], item["region"]["startLine"]) for item in physical]
    assert places[:2] == [("migrations/verify/error_codes.sql", 7), ("migrations/sqitch.plan", 1)]
    assert all(not urlsplit(uri).scheme and uri[0] != "/" for uri, _ in places)
    assert places[2][0] == "a%20b%25/%C3%A4%3A%2C.sql"


def test_file_elsewhere(unsound: Report) -> None:
    """A file outside of the repository has a URI that is absolute."""
    elsewhere = replace(unsound, plan=Path("/srv/db dir/sqitch.plan"))
    (location,) = run(elsewhere)["results"][1]["locations"]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "file:///srv/db%20dir/sqitch.plan"


def test_results_name_the_object(unsound: Report) -> None:
    """What is in the database is a logical location with its kind."""
    (location,) = run(unsound)["results"][1]["locations"]
    assert location["logicalLocations"] == [
        {"fullyQualifiedName": "public.messages_v2", "kind": "table"}
    ]


def prints(report: Report) -> list[str]:
    """Return by what code scanning knows each result again."""
    results = run(report)["results"]
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]


def test_fingerprints_tell_findings_apart(unsound: Report) -> None:
    """Findings on one line of the plan, also two of one object, are not taken for one."""
    contract = unsound.parts[1]
    twice = replace(contract, findings=(contract.findings[0], *contract.findings))
    assert len(set(prints(replace(unsound, parts=(twice,))))) == 4


def test_fingerprints_stay(unsound: Report) -> None:
    """A finding keeps its fingerprint when others are mended."""
    contract = unsound.parts[1]
    fewer = replace(contract, findings=contract.findings[1:])
    assert prints(replace(unsound, parts=(fewer,))) == prints(unsound)[2:]


def test_skipped_parts_are_told(sound: Report) -> None:
    """A part that did not run is a notification: no result does not mean all is well."""
    (invocation,) = run(sound)["invocations"]
    (note,) = invocation["toolExecutionNotifications"]
    assert "drift part did not run: no server of this version" in note["message"]["text"]


def test_help_is_the_head_of_the_check(unsound: Report) -> None:
    """A rule whose check is a file of `sql/` says what the file says at its head."""
    contract = unsound.parts[1]
    finding = replace(contract.findings[0], check="columns")
    report = replace(unsound, parts=(replace(contract, findings=(finding,)),))
    (rule,) = run(report)["tool"]["driver"]["rules"]
    what, why, *_ = rule["help"]["text"].splitlines()
    assert what.startswith("Our tables, views and types have these columns")
    assert why.startswith("Why: ")
    assert rule["shortDescription"]["text"] == what


def test_help_of_a_numbered_file(unsound: Report) -> None:
    """A check of a file that has a number is found by the name of its part before its own."""
    drift = replace(unsound.parts[1], name="drift")
    finding = replace(drift.findings[0], check="drift_columns")
    report = replace(unsound, parts=(replace(drift, findings=(finding,)),))
    (rule,) = run(report)["tool"]["driver"]["rules"]
    assert rule["help"]["text"].startswith("The columns of tables")


def test_help_of_what_has_no_file(unsound: Report) -> None:
    """A check without a file has its name and its part for help."""
    rules = run(unsound)["tool"]["driver"]["rules"]
    texts = {rule["id"]: rule["help"]["text"] for rule in rules}
    assert texts["changes/failed"] == "Failed, found by the changes part."
