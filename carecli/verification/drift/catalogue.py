"""What is in a database, object by object, with the SQL that makes each of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

import psycopg

from carecli.resources import data_directory, read_sql
from carecli.script import quote_literal
from carecli.verification.findings import Level

__all__ = ["Catalogue", "Entry", "read_catalogue"]

Catalogue = Mapping[str, "Entry"]
"""Objects by their names, each after those that it needs."""

_Address = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a database: a row of a statement of `sql/catalogue`.

    Arguments:
        kind: name of that file, without its number.
        object: the object, as SQL names it.
        parent: the object that it belongs to, in whose making and dropping it takes part.
        definition: text that is the same in two databases where the object is.
        creation: SQL that makes it.
        removal: SQL that drops it; None: it goes with its parent alone.
        replacement: SQL that makes it so where it is there; None: it is dropped and made anew.
        shape: what `replacement` cannot change.
        inline: whether the creation of its parent makes it too.
        level: of a finding about it.
        partition_of: the table of which it is a partition with bounds, or belongs to one.
        role: the owner, where it is about the owner; of default privileges, who gets them.
    """

    kind: str
    object: str
    parent: str | None = None
    definition: str = ""
    creation: str = ""
    removal: str | None = None
    replacement: str | None = None
    shape: str | None = None
    inline: bool = False
    level: Level = "error"
    partition_of: str | None = None
    role: str | None = None


def read_catalogue(connection: psycopg.Connection) -> Catalogue:
    """Return all objects of a database, but for the system's and those of extensions.

    Arguments:
        connection: in autocommit mode; what is set for the reading is gone afterwards.
    """
    with connection.transaction():
        connection.execute(read_sql("queries/catalogue_session").encode())
        rows = connection.execute(_statement().encode()).fetchall()
        needs = connection.execute(read_sql("queries/object_dependencies").encode()).fetchall()
        row = connection.execute("select quote_ident(current_user)").fetchone()
    addresses: dict[str, _Address] = {}
    roots: dict[str, Entry] = {}
    parts: dict[str, list[Entry]] = {}
    for file, found in rows:
        entry = _entry(file, found)
        addresses[entry.object] = (int(found["class_id"]), int(found["object_id"]))
        roots[entry.object] = entry
        parts[entry.object] = list(_parts(entry, found, cast(tuple[str], row)[0]))
    ordered = _in_order(list(roots), addresses, needs)
    return _with_partitions(item for name in ordered for item in (roots[name], *parts[name]))


@cache
def _statement() -> str:
    """Return one statement that runs all of `sql/catalogue`, so that it costs one round trip."""
    texts = {
        path.stem: path.read_text(encoding="utf-8").rstrip().removesuffix(";")
        for path in sorted((data_directory("sql") / "catalogue").glob("*.sql"))
    }
    return "\nunion all\n".join(
        f"select {quote_literal(name)}, pg_catalog.to_jsonb(entry) from (\n{text}\n) as entry"  # noqa: S608  our own files
        for name, text in texts.items()
    )


def _entry(file: str, row: Mapping[str, Any]) -> Entry:
    given = {
        name: value
        for name, value in row.items()
        if name in Entry.__dataclass_fields__ and value is not None
    }
    return Entry(kind=file.partition("_")[2], **given)


def _parts(entry: Entry, row: Mapping[str, Any], migrator: str) -> Iterator[Entry]:
    """Yield owner and comment of an object as objects of their own."""
    name = entry.object
    if owner := row.get("owner"):
        statement = f"alter {name} owner to {owner};"
        if row.get("owner_creates") is False:
            # Only who may make objects in a schema can be given one there.
            before = f"grant create on {entry.parent} to {owner};"
            after = f"revoke create on {entry.parent} from {owner};"
            statement = "\n".join((before, statement, after))
        yield Entry(
            "owners", f"owner of {name}", name, owner, statement, None, statement,
            inline=owner == migrator, role=owner,
        )  # fmt: skip
    if (comment := row.get("comment")) is not None:
        statement = f"comment on {name} is {quote_literal(comment)};"
        yield Entry(
            "comments", f"comment on {name}", name, comment, statement,
            f"comment on {name} is null;", statement, level="warning",
        )  # fmt: skip


def _in_order(
    names: Iterable[str], addresses: Mapping[str, _Address], needs: Iterable[tuple[int, ...]]
) -> Iterator[str]:
    """Yield the names so that each comes after what it needs, else in the order given."""
    groups: dict[_Address, list[str]] = {}
    for name in names:
        groups.setdefault(addresses[name], []).append(name)
    place = {address: number for number, address in enumerate(groups)}
    waiting: dict[_Address, set[_Address]] = {address: set() for address in groups}
    for one, other, needed_one, needed_other in needs:
        address, needed = (one, other), (needed_one, needed_other)
        if address in groups and needed in groups and address != needed:
            waiting[address].add(needed)
    wanted: dict[_Address, list[_Address]] = {}
    for address, needed_ones in waiting.items():
        for needed in needed_ones:
            wanted.setdefault(needed, []).append(address)
    ready = [place[address] for address, needed_ones in waiting.items() if not needed_ones]
    heapq.heapify(ready)
    order = list(groups)
    while waiting:
        # Two that need each other: the one that comes first in the order given.
        address = order[heapq.heappop(ready)] if ready else min(waiting, key=place.__getitem__)
        if waiting.pop(address, None) is None:
            continue
        yield from groups[address]
        for follower in wanted.get(address, ()):
            if follower in waiting:
                waiting[follower].discard(address)
                if not waiting[follower]:
                    heapq.heappush(ready, place[follower])


def _with_partitions(entries: Iterable[Entry]) -> Catalogue:
    """Return the objects by their names; what belongs to a partition is marked as that."""
    found: dict[str, Entry] = {}
    for entry in entries:
        parent = found.get(entry.parent or "")
        if parent is not None and parent.partition_of:
            entry = replace(entry, partition_of=parent.partition_of)
        found[entry.object] = entry
    return found
