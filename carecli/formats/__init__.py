"""The forms that a report is given out in: an adapter a module, found by its name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carecli.verification.findings import Report

__all__ = ["format_names", "render"]

_FIRST = "text"


def format_names() -> list[str]:
    """Return the name of every adapter, the one for people first.

    An adapter is a module of this folder with `render(report: Report) -> str`.
    """
    found = (path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    return sorted(found, key=lambda name: (name != _FIRST, name))


def render(report: Report, output: str) -> str:
    """Return a report in one of the forms, without a line feed at its end.

    Arguments:
        report: what a command found.
        output: name of the form, from `format_names`.
    """
    adapter = importlib.import_module(f"{__name__}.{output}")
    rendered: str = adapter.render(report)
    return rendered
