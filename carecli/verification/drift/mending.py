"""The SQL that makes an object of a database as the plan has it, without dropping it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from carecli.verification.drift.catalogue import Entry

__all__ = ["mend_in_place"]

_IDENTITY = re.compile(r" generated (always|by default) as identity$")
_GRANT_OPTION = " with grant option"


def mend_in_place(entry: Entry, found: Entry) -> str | None:
    """Return the SQL that mends an object in place; None: it has to be dropped and made anew.

    Arguments:
        entry: the object as the plan has it.
        found: the same object in the database, which differs.
    """
    if entry.kind in _MENDING:
        statements = _MENDING[entry.kind](entry, found)
        return None if statements is None else "\n".join(statements)
    if entry.shape == found.shape and entry.replacement is not None:
        return entry.replacement
    return entry.creation if entry.removal is None else None


def _mend_type(entry: Entry, found: Entry) -> Iterator[str] | None:
    """Mend a composite type attribute by attribute, so that their order comes out right."""
    if " as (" not in entry.creation:
        return None if entry.replacement is None else iter([entry.replacement])
    wanted, present = entry.definition.splitlines(), found.definition.splitlines()
    same = next(
        (at for at, pair in enumerate(zip(wanted, present, strict=False)) if pair[0] != pair[1]),
        min(len(wanted), len(present)),
    )
    dropped = [f"drop attribute {_first_name(line)}" for line in present[same:]]
    added = [f"add attribute {line}" for line in wanted[same:]]
    return (f"alter {entry.object} {action};" for action in dropped + added)


def _first_name(text: str) -> str:
    name = re.match(r'"(?:[^"]|"")+"|\S+', text)
    assert name is not None
    return name[0]


def _mend_column(entry: Entry, found: Entry) -> Iterator[str] | None:
    """Mend type and identity; what a column is computed from cannot be changed."""
    if entry.shape != found.shape and "generated always as (" in f"{entry.shape}{found.shape}":
        return None
    return _column_statements(entry, found)


def _column_statements(entry: Entry, found: Entry) -> Iterator[str]:
    wanted, present = _IDENTITY.search(entry.definition), _IDENTITY.search(found.definition)
    if _IDENTITY.sub("", entry.definition) != _IDENTITY.sub("", found.definition):
        yield str(entry.replacement)
    table, _, column = entry.object.removeprefix("column ").rpartition(".")
    change = f"alter table {table} alter column {column}"
    if wanted and present and wanted[1] != present[1]:
        yield f"{change} set generated {wanted[1]};"
    elif wanted and not present:
        yield f"{change} add{wanted[0]};"
    elif present and not wanted:
        yield f"{change} drop identity;"


def _mend_privileges(entry: Entry, found: Entry) -> Iterator[str]:
    """Take what is too much and give what is missing, and leave the rest alone."""
    place = re.search(r" on (.*) from (.*);$", str(found.removal))
    assert place is not None
    where, role = place[1], place[2]
    wanted, present = set(entry.definition.splitlines()), set(found.definition.splitlines())
    taken = set()
    for line in sorted(present - wanted):
        privilege = line.removesuffix(_GRANT_OPTION)
        if privilege in wanted:
            yield f"revoke grant option for {privilege} on {where} from {role};"
        elif privilege + _GRANT_OPTION not in wanted:
            taken.add(privilege)
            yield f"revoke {privilege} on {where} from {role};"
    for line in sorted(wanted):
        # To revoke a privilege on a table revokes it on the columns too.
        has_it = line in present or line + _GRANT_OPTION in present
        if not has_it or line.partition(" (")[0] in taken:
            privilege = line.removesuffix(_GRANT_OPTION)
            option = _GRANT_OPTION if privilege != line else ""
            yield f"grant {privilege} on {where} to {role}{option};"


_MENDING: Mapping[str, Callable[[Entry, Entry], Iterator[str] | None]] = {
    "types": _mend_type,
    "columns": _mend_column,
    "table_privileges": _mend_privileges,
    "schema_privileges": _mend_privileges,
}
