"""The drift of a database from its plan, as a part of a verification."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from psycopg.sql import SQL, Identifier, Literal

from carecli.errors import CarecliError
from carecli.migrator.failure import Interrupted
from carecli.migrator.target import Target
from carecli.resources import read_sql
from carecli.verification.drift.building import Scratch, build_plan
from carecli.verification.drift.catalogue import Catalogue, Entry, read_catalogue
from carecli.verification.drift.comparison import Plan, compare, owned_alike
from carecli.verification.findings import Finding, Part

__all__ = ["find_drift"]


def find_drift(target: Target, *, scratch: Callable[[], Scratch]) -> Part:
    """Compare a database, object by object, with what its plan makes in a scratch server.

    The plan is deployed there as far as it is in the database, as a whole where there is no
    registry. Where nothing of it is in the database, there is nothing to compare.

    Arguments:
        target: project and database.
        scratch: returns the server to build it in, which is left running; see `begin_scratch`.

    Returns the differences, each as a diff with the SQL that mends it, in an order in which these
    can be run. A plan that cannot be built there is the reason for leaving this part out.
    """
    began = time.perf_counter()
    edited = list(_edited_scripts(target))
    skipped: str | None = None
    try:
        checked, findings = _compared(target, scratch())
    except Interrupted:
        raise
    except CarecliError as error:
        checked, findings, skipped = 0, [], error.message
    else:
        if not checked:
            skipped = "nothing of the plan is in the database"
    seconds = time.perf_counter() - began
    return Part("drift", checked, (*edited, *findings), seconds, skipped)


def _compared(target: Target, scratch: Scratch) -> tuple[int, list[Finding]]:
    """Return how many objects were compared, and what differs."""
    deployer, quoted = _deployer(target)
    version = target.connection.info.server_version // 10_000
    alike = version == scratch.version
    actual = read_catalogue(target.connection)
    actual = actual if alike else _common(actual)
    plan = build_plan(scratch, target, actual, deployer)
    plan = plan if alike else Plan(_common(plan.made), plan.gone)
    if not target.state().deployed and not plan.made.keys() & actual.keys():
        return 0, []
    findings = compare(owned_alike(plan, quoted, actual, deployer=quoted), actual)
    if not alike:
        findings = [_between(finding, scratch.version, version) for finding in findings]
    return len(plan.made), findings


def _deployer(target: Target) -> tuple[str, str]:
    """Return the name of the role that deployed, as it is and as SQL writes it."""
    registry = target.settings.registry or target.project.registry
    row = target.connection.execute(
        read_sql("queries/deploying_role").encode(), {"registry": registry}
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def _edited_scripts(target: Target) -> Iterator[Finding]:
    """Yield the deployed changes whose script the registry has in another version."""
    state = target.state()
    registry = target.settings.registry or target.project.registry
    for row in state.deployed:
        change = state.change_of(row)
        path = target.project.deploy_file(change)
        digest = target.project.script_hash(change)
        if state.plan.find(row.change_id) is None or digest == row.script_hash:
            continue
        mending = SQL("update {}.changes set script_hash = {} where change_id = {};").format(
            Identifier(registry), Literal(digest), Literal(row.change_id)
        )
        yield Finding(
            check="drift_scripts",
            level="error",
            object=f"change {change.qualified_name if change.is_reworked else change.name}",
            detail="its script is not the one that was deployed\n--- registry\n+++ file\n"
            f"-{row.script_hash}\n+{digest}",
            remediation=f"-- Bring {path.name} back as it was deployed, and put what is new into "
            f"`carecli rework {change.name}`.\n"
            "-- Only where the registry is what was edited, or the edit changed nothing:\n"
            + mending.as_string(),
            path=path,
        )


def _common(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue as all versions of PostgreSQL could have it."""
    return {name: _common_entry(entry) for name, entry in catalogue.items()}


def _common_entry(entry: Entry) -> Entry:
    if entry.kind == "views":
        # From version 16 on, a column is written without its table where there is but one.
        return replace(entry, definition=re.sub(r'("[^"]+"|\w+)\.(?=["\w])', "", entry.definition))
    if entry.kind in ("table_privileges", "default_privileges"):
        # The privilege is one of version 17.
        unknown = re.compile(r"\bmaintain, |, maintain\b")
        return replace(
            entry,
            definition=re.sub(r"\n?^maintain.*$", "", entry.definition, flags=re.MULTILINE),
            creation=unknown.sub("", entry.creation),
            removal=entry.removal and unknown.sub("", entry.removal),
        )
    return entry


def _between(finding: Finding, built: int, present: int) -> Finding:
    note = (
        f"(The plan was built on PostgreSQL {built}, because the programs of {present} were not "
        "found: an expression may only be written in another way.)"
    )
    return replace(finding, detail=f"{finding.detail}\n{note}")
