"""The runbook speaks of the rules that there are, and of what can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from carecli.alerts import read_alerts
from carecli.exporting.rules import prometheus_rules, rule_file
from carecli.monitoring import load_metrics, shown_window
from tests.plugins.databases import TestDatabase

PAGE = Path(__file__).resolve().parent.parent / "docs" / "runbook.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def sections(chapter: str) -> dict[str, str]:
    """Return the text of each section of a chapter, by its heading."""
    (found,) = re.findall(rf"^## {chapter}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^### (.+)\n", found, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_names_every_rule_and_no_other(migrated: TestDatabase) -> None:
    """Each rule of the database has its section."""
    rules = migrated.execute("select name from messaging.alert_rules")
    assert set(sections("The rules")) == {name for (name,) in rules}


def test_says_what_each_rule_is(migrated: TestDatabase) -> None:
    """The first line of a section is the rule as it comes with the deploy."""
    told = {name: text.strip().splitlines()[0] for name, text in sections("The rules").items()}
    rows = migrated.execute(
        "select name, severity, metric, comparison, threshold::text, minimum_sample,"
        " rollback_trigger, data_expected, time_window from messaging.alert_rules"
    )
    for name, severity, metric, comparison, threshold, minimum, trigger, expected, window in rows:
        length = "24 hours" if shown_window(window) == "1 day" else shown_window(window)
        assert told[name] == (
            f"{severity}: {metric} {comparison} {threshold} over {length}, of at least {minimum}"
            f"{'; rollback trigger' if trigger else ''}{'; data expected' if expected else ''}"
        )


@pytest.mark.parametrize("name", sections("The rules"))
def test_section_is_complete(name: str) -> None:
    """What it means, what to look at with a command, what to do."""
    text = sections("The rules")[name]
    means, look, do = (text.find(f"\n{word}: ") for word in ("Means", "Look", "Do"))
    assert 0 < means < look < do
    assert re.search(r"^    carecli ", text[look:], re.MULTILINE)


def test_metrics_exist() -> None:
    """Every metric that is asked for has its file."""
    named = set(re.findall(r"--metric ([a-z0-9_]+)", TEXT))
    assert named
    assert named <= {metric.name for metric in load_metrics()}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_statements_run(migrated: TestDatabase, number: int) -> None:
    """Each SQL block can be pasted; for pg_cron a stand-in runs what it is told to."""
    connection = migrated.connect(superuser=True, autocommit=False)
    connection.execute(
        """
        create schema cron;
        create function cron.schedule(name text, schedule text, command text) returns void
            language plpgsql as $$ begin execute command; end $$
        """
    )
    connection.execute(BLOCKS[number].encode())
    connection.rollback()


def test_every_exported_rule_leads_to_a_section(migrated: TestDatabase) -> None:
    """What Prometheus shows as the runbook's place is there."""
    exported = rule_file(prometheus_rules(read_alerts(migrated.connect())))
    anchors = set(re.findall(r"docs/runbook\.md#(\w+)", exported))
    headings = {*sections("The rules"), *sections("The exporter's own alerts")}
    assert anchors == headings


def test_links_lead_somewhere() -> None:
    """Links within the page lead to its headings, others to files."""
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert target.removeprefix("#") in anchors or (PAGE.parent / target).exists(), target
