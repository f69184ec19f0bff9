"""The JUnit XML of a report keeps to Jenkins' schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from carecli.formats import render
from carecli.verification import Report

SCHEMA = Path(__file__).with_name("schemas") / "junit-10.xsd"


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    """Give Jenkins' schema."""
    return xmlschema.XMLSchema(str(SCHEMA))


def root(report: Report) -> ElementTree.Element:
    """Return the document's element."""
    return ElementTree.fromstring(render(report, "junit"))  # noqa: S314 - our own text


@pytest.mark.parametrize("name", ["sound", "unsound"])
def test_keeps_to_the_schema(
    schema: xmlschema.XMLSchema, request: pytest.FixtureRequest, name: str
) -> None:
    """With and without findings the document is valid."""
    schema.validate(render(request.getfixturevalue(name), "junit"))


def test_suite_for_each_part(unsound: Report) -> None:
    """Each part is a suite; its numbers are those of its cases."""
    document = root(unsound)
    assert [suite.get("name") for suite in document] == [
        "carecli.verify.changes",
        "carecli.verify.contract",
        "carecli.verify.drift",
    ]
    for suite in document:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases))
    assert (document.get("tests"), document.get("failures")) == ("5", "2")


def test_case_for_each_outcome(unsound: Report) -> None:
    """Where a part lists what it looked at, each is a case; a failed one says why and where."""
    one, two = root(unsound)[0].findall("testcase")
    assert (one.get("name"), one.find("failure")) == ("change one", None)
    failure = two.find("failure")
    assert failure is not None
    assert failure.get("type") == "error.failed"
    assert failure.get("message") == "change two: relation does not exist"
    assert "migrations/verify/error_codes.sql:7" in (failure.text or "")


def test_case_for_each_check(unsound: Report) -> None:
    """Where it lists nothing, each check with findings is one, and what only tells is output."""
    cases = root(unsound)[1].findall("testcase")
    assert [case.get("name") for case in cases] == ["comments", "row_security"]
    assert [len(case.findall("failure")) for case in cases] == [0, 2]
    assert "no comment" in (cases[0].findtext("system-out") or "")


def test_not_done_is_skipped(sound: Report) -> None:
    """A part that did not run, and a change that another one replaces, are skipped cases."""
    skipped = [item.get("message") for item in root(sound).iter("skipped")]
    assert skipped == ["reworked", "no server of this version is here"]
    assert [suite.get("skipped") for suite in root(sound)] == ["1", "0", "1"]


def test_sound_part_is_one_case(sound: Report) -> None:
    """A sound part that lists nothing is one case that passed."""
    (case,) = root(sound)[1].findall("testcase")
    assert (case.get("name"), len(case)) == ("probes", 0)


def test_lone_surrogate(unsound: Report) -> None:
    """What no XML can hold is shown as a sign for it, and never ends the document."""
    contract = unsound.parts[1]
    finding = replace(contract.findings[0], detail="a\ud800b\x08c\ufffed")
    document = root(replace(unsound, parts=(replace(contract, findings=(finding,)),)))
    assert "a\ufffdb\ufffdc\ufffdd" in (document.findtext(".//failure") or "")
