"""Where the project's own SQL is: in the installed package, or in the checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["data_directory", "read_sql"]

_PACKAGE = Path(__file__).resolve().parent


@cache
def data_directory(name: str) -> Path:
    """Return the folder `migrations` or `sql`, wherever carecli was installed from.

    A wheel carries both under `carecli/data`; an editable install has them beside the package.

    Arguments:
        name: `migrations` or `sql`.
    """
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


@cache
def read_sql(name: str) -> str:
    """Return the text of one statement file under `sql/`.

    Arguments:
        name: path below `sql/` without its ending, such as `queries/migration_lock_holder`.
    """
    return (data_directory("sql") / f"{name}.sql").read_text(encoding="utf-8")
