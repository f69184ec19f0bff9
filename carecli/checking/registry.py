"""What is deployed beside the plan: scripts that were edited since, changes that nobody planned."""

from __future__ import annotations

import time
from collections.abc import Iterator

from carecli.migrator.target import Target
from carecli.verification.findings import Finding, Part

__all__ = ["check_registry"]


def check_registry(target: Target) -> Part:
    """Compare the hashes of the deployed scripts with those of the scripts on disk.

    Arguments:
        target: project and database.

    Returns:
        The part `registry`; skipped where nothing of the project is deployed.
    """
    begun = time.monotonic()
    count = len(target.state().deployed)
    findings = tuple(_findings(target))
    skipped = None if count else "nothing of the project is deployed there"
    return Part("registry", count, findings, time.monotonic() - begun, skipped)


def _findings(target: Target) -> Iterator[Finding]:
    project, state = target.project, target.state()
    for row in state.deployed:
        change = state.change_of(row)
        name = f"change {change.name_with_tags}"
        if project.plan.find(row.change_id) is None:
            detail = f"it is deployed, and the plan does not have it ({row.change_id})"
            remedy = "use the plan that deployed it; an entry that was edited has another id"
            yield Finding("unknown-change", "error", name, detail, remedy, project.plan_file)
            continue
        path, digest = project.deploy_file(change), project.script_hash(change)
        # Early versions of sqitch recorded no hash; that a script is missing is said elsewhere.
        if row.script_hash is None or digest is None or row.script_hash == digest:
            continue
        detail = (
            f"the deploy script was edited since {row.committed_at:%Y-%m-%d}, when it was deployed"
        )
        remedy = f"restore the script; the next version is made by: carecli rework {change.name}"
        yield Finding("edited-script", "error", name, detail, remedy, path)
