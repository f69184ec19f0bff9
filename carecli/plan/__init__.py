"""sqitch.plan: changes, tags, dependencies and their ids, exactly as sqitch has them."""

from __future__ import annotations

from carecli.plan.faults import PlanError
from carecli.plan.model import Change, Dependency, Plan, Tag
from carecli.plan.parser import parse_plan, read_plan
from carecli.plan.references import UnknownReference

__all__ = [
    "Plan",
    "Change",
    "Tag",
    "Dependency",
    "parse_plan",
    "read_plan",
    "PlanError",
    "UnknownReference",
]
