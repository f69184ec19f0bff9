"""Proves that a database is what the plan says, and that nobody in it can be somebody else."""

from __future__ import annotations

from carecli.verification.changes import ChangeCheck, verify_changes
from carecli.verification.findings import Finding, Level, Part, Report

__all__ = ["ChangeCheck", "Finding", "Level", "Part", "Report", "verify_changes"]
