"""What can be found wrong with a project: in its plan, its scripts, and what is deployed of it."""

from __future__ import annotations

from carecli.checking.project import check_project

__all__ = ["check_project"]
