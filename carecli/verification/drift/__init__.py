"""Finds what somebody changed by hand: compares the database with what its plan makes."""

from __future__ import annotations

from carecli.verification.drift.building import Scratch, begin_scratch, build_plan
from carecli.verification.drift.catalogue import Catalogue, Entry, read_catalogue
from carecli.verification.drift.comparison import Plan, compare, owned_alike, planned
from carecli.verification.drift.finding import find_drift

__all__ = [
    "Catalogue",
    "Entry",
    "Plan",
    "Scratch",
    "begin_scratch",
    "build_plan",
    "compare",
    "find_drift",
    "owned_alike",
    "planned",
    "read_catalogue",
]
