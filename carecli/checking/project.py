"""The parts that need no database: plan, scripts, and reverts that mirror deploys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from carecli.checking.plan import check_plan, plan_fault
from carecli.checking.reverts import check_reverts
from carecli.checking.scripts import check_scripts
from carecli.plan import PlanError
from carecli.project import Project
from carecli.verification.findings import Finding, Part

__all__ = ["check_project"]

Look = Callable[[Project], Iterable[Finding]]


def check_project(project: Project, *, strict: bool = False) -> tuple[Part, ...]:
    """Return everything that is wrong with a project's plan and scripts.

    Arguments:
        project: the project; its plan may not even be readable.
        strict: whether warnings are findings; else they are only told.
    """
    try:
        count = len(project.plan)
    except PlanError as error:
        return (Part("plan", 0, (plan_fault(error, project),), 0.0),)
    looks: tuple[tuple[str, int, Look], ...] = (
        ("plan", count, check_plan),
        ("scripts", 3 * count, check_scripts),
        ("reverts", count, check_reverts),
    )
    return tuple(_part(name, number, project, look, strict=strict) for name, number, look in looks)


def _part(name: str, number: int, project: Project, look: Look, *, strict: bool) -> Part:
    """Return the part that a look at the project makes.

    Arguments:
        name: of the part.
        number: of things that are looked at.
        project: the project.
        look: what yields the findings.
        strict: whether warnings are findings; else they are only told.
    """
    begun = time.monotonic()
    findings = [
        replace(found, level="info") if found.level == "warning" and not strict else found
        for found in look(project)
    ]
    return Part(name, number, tuple(findings), time.monotonic() - begun)
