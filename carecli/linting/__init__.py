"""Finds in migration scripts what is unsafe, and what is not in the style of the house."""

from __future__ import annotations

from carecli.linting.files import ScriptFile, chosen_files, project_files
from carecli.linting.squawk import run_squawk
from carecli.linting.style import check_style, rule_names

__all__ = [
    "ScriptFile",
    "check_style",
    "chosen_files",
    "project_files",
    "rule_names",
    "run_squawk",
]
