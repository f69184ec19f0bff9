"""Proves that a database is what the plan says, and that nobody in it can be somebody else."""

from __future__ import annotations

from carecli.verification.findings import Finding, Level, Outcome, Part, Report

__all__ = ["Finding", "Level", "Outcome", "Part", "Report"]
