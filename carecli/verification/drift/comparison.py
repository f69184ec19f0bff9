"""What differs between the catalogue that a plan makes and that of a database; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from difflib import unified_diff

from carecli.verification.drift.catalogue import Catalogue, Entry
from carecli.verification.drift.mending import mend_in_place
from carecli.verification.findings import Finding

__all__ = ["Plan", "compare", "owned_alike", "planned"]

_OPEN_WHEN_NEW = ("types", "sequences", "tables", "functions", "views")
_DROPPED_LAST = ("schemas", "columns", *_OPEN_WHEN_NEW)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan makes.

    Arguments:
        made: the objects that are there, or other ones, after it.
        gone: names of those that are there before it and not after it.
    """

    made: Catalogue
    gone: frozenset[str] = field(default_factory=frozenset)


def planned(before: Catalogue, after: Catalogue, *, without: str | None = None) -> Plan:
    """Return what came with the deployment of a plan.

    Arguments:
        before: all objects of the database before it.
        after: all of them after it.
        without: an object that is not the plan's, with all that belongs to it.
    """
    made = {
        name: entry
        for name, entry in after.items()
        if (name not in before or before[name].definition != entry.definition)
        and (without is None or without not in _lineage(entry, after))
    }
    return Plan(made, frozenset(before.keys() - after.keys()))


def owned_alike(plan: Plan, owner: str, actual: Catalogue, *, deployer: str | None = None) -> Plan:
    """Return the plan as it would be had the owner of most of its objects deployed it.

    Who builds it in a scratch database need not be called as who deployed it.

    Arguments:
        plan: what the plan makes.
        owner: the role that has built it, as SQL names it.
        actual: all objects of the database.
        deployer: the role that most likely deployed there; it counts as one object more.
    """
    votes = Counter(
        actual[name].definition
        for name, entry in plan.made.items()
        if entry.kind == "owners" and entry.definition == owner and name in actual
    )
    if deployer is not None:
        votes[deployer] += 1
    most = max(votes.values(), default=0)
    chosen = next((role for role in (deployer, *votes) if role and votes[role] == most), owner)
    if chosen == owner:
        return plan
    made = (_handed_over(entry, owner, chosen) for entry in plan.made.values())
    return Plan({entry.object: entry for entry in made}, plan.gone)


def _handed_over(entry: Entry, old: str, new: str) -> Entry:
    """Return what is about an object's owner as it is for another one."""
    if entry.role != old or entry.kind == "default_privileges":
        return entry

    def changed(statement: str | None) -> str | None:
        role = rf"\b(to|from) {re.escape(old)}(?=[ ;])"
        return statement and re.sub(role, lambda found: f"{found[1]} {new}", statement)

    return replace(
        entry,
        role=new,
        definition=new if entry.kind == "owners" else entry.definition,
        creation=changed(entry.creation) or "",
        removal=changed(entry.removal),
        replacement=changed(entry.replacement),
    )


def _lineage(entry: Entry, catalogue: Catalogue) -> Iterator[str]:
    """Yield the name of an object and of all those that it belongs to."""
    found: Entry | None = entry
    while found is not None:
        yield found.object
        if found.parent is not None and found.parent not in catalogue:
            yield found.parent
        found = catalogue.get(found.parent or "")


def compare(plan: Plan, actual: Catalogue) -> list[Finding]:
    """Return what differs, in an order in which the remedies can be applied one after the other.

    What belongs to an object that is missing, or unknown, is part of that object's finding.

    Arguments:
        plan: what the plan makes.
        actual: all objects of the database.
    """
    return _Comparison(plan, actual).findings()


class _Comparison:
    """One comparison, with what it has come to know on the way."""

    def __init__(self, plan: Plan, actual: Catalogue) -> None:
        self._actual = actual
        self._plan = plan
        self._expected = _with_live_partitions(plan.made, actual)
        # Objects whose finding speaks for all that belongs to them.
        self._settled: set[str] = set()

    def findings(self) -> list[Finding]:
        """Return all that differs."""
        differing = [
            finding
            for entry in self._expected.values()
            if (finding := self._judge(entry)) is not None
        ]
        unknown = [entry for entry in self._actual.values() if self._is_unknown(entry)]
        # The name or the place of what is missing may be taken, and what is unknown may be used.
        early = [entry for entry in unknown if entry.kind not in _DROPPED_LAST]
        late = [entry for entry in unknown if entry.kind in _DROPPED_LAST]
        return [
            *map(_unknown, reversed(early)),
            *differing,
            *map(_unknown, reversed(late)),
        ]

    def _judge(self, entry: Entry) -> Finding | None:
        if entry.parent in self._settled:
            self._settled.add(entry.object)
            return None
        found = self._actual.get(entry.object)
        if entry.kind == "attributes":
            # It comes and goes with its type or view; only its comment is its own.
            return None
        if found is None:
            if entry.partition_of and entry.kind == "tables":
                self._settled.add(entry.object)
                return None
            self._settled.add(entry.object)
            return _finding(entry, "is missing", entry.definition, None, self._creation(entry))
        if found.definition == entry.definition:
            return None
        return _finding(
            entry, "differs from the plan", entry.definition, found.definition,
            self._mending(entry, found),
        )  # fmt: skip

    def _mending(self, entry: Entry, found: Entry) -> str:
        if _is_partition(entry) and not _is_partition(found):
            # Its columns and constraints will be its parent's again.
            self._settled.add(entry.object)
        mended = mend_in_place(entry, found)
        if mended is not None:
            return mended
        self._settled.add(entry.object)
        return f"{found.removal}\n{self._creation(entry)}"

    def _creation(self, entry: Entry) -> str:
        """Return the SQL that makes an object with all that belongs to it."""
        made = {entry.object}
        statements = [entry.creation, *self._closing(entry)]
        for part in self._expected.values():
            if part.parent in made and part.object not in made:
                made.add(part.object)
                if not part.inline:
                    statements += [part.creation, *self._closing(part)]
        return "\n".join(statements)

    def _closing(self, entry: Entry) -> Iterator[str]:
        """Yield what takes from a new object the privileges that it has by itself."""
        if entry.kind not in _OPEN_WHEN_NEW:
            return
        owner = self._expected.get(f"owner of {entry.object}")
        given = {item.role for item in self._actual.values() if item.kind == "default_privileges"}
        roles = {"public", *filter(None, given)} - {owner.definition if owner else None}
        target = re.sub("^(materialized )?view ", "table ", entry.object)
        yield f"revoke all on {target} from {', '.join(sorted(roles))};"

    def _is_unknown(self, entry: Entry) -> bool:
        """Say whether an object is one that the plan does not have, in or on one that it has."""
        if entry.object in self._expected or entry.removal is None:
            return False
        if entry.object in self._plan.gone:
            return True
        if entry.partition_of and entry.kind == "tables":
            return False
        return entry.parent in self._expected and entry.parent not in self._settled


def _with_live_partitions(expected: Catalogue, actual: Catalogue) -> Catalogue:
    """Return what is expected, with the partitions that the database has instead of the plan's.

    They are made over time, so each has to be as one that the plan has made.
    """
    samples: dict[str, Entry] = {}
    for entry in expected.values():
        if entry.kind == "tables" and entry.partition_of:
            samples.setdefault(entry.partition_of, entry)
    belonging: dict[str, list[Entry]] = {name: [] for name in samples}
    for entry in expected.values():
        sample = samples.get(entry.partition_of or "")
        if sample is not None and sample.object in _lineage(entry, expected):
            belonging[entry.partition_of or ""].append(entry)
    found = dict(expected)
    for entry in actual.values():
        if entry.kind != "tables" or entry.partition_of not in samples or entry.object in found:
            continue
        old, new = _last_name(samples[entry.partition_of].object), _last_name(entry.object)
        for part in belonging[entry.partition_of]:
            named = _with_texts(part, _replacing(old, new))
            found[named.object] = named
    return found


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def _last_name(table: str) -> str:
    """Return the name of a table without its schema, as SQL names it."""
    quoted = re.search(r'("(?:[^"]|"")+"|[^."]+)$', table)
    assert quoted is not None
    return quoted[1].strip('"')


def _with_texts(entry: Entry, change: Callable[[str], str]) -> Entry:
    def changed(text: str | None) -> str | None:
        return None if text is None else change(text)

    return replace(
        entry,
        object=change(entry.object),
        parent=changed(entry.parent),
        definition=change(entry.definition),
        creation=change(entry.creation),
        removal=changed(entry.removal),
        replacement=changed(entry.replacement),
    )


def _unknown(entry: Entry) -> Finding:
    return _finding(entry, "is not in the plan", None, entry.definition, entry.removal or "")


def _is_partition(entry: Entry) -> bool:
    return entry.kind == "tables" and "\ninherits " in entry.definition


def _finding(
    entry: Entry, what: str, planned: str | None, present: str | None, remedy: str
) -> Finding:
    # What is there shows, also where nothing more is to be said about it.
    old, new = (
        [] if text is None else (text or entry.object).splitlines() for text in (planned, present)
    )
    diff = unified_diff(old, new, "plan", "database", lineterm="")
    return Finding(
        check=f"drift_{entry.kind}",
        level=entry.level,
        object=entry.object,
        detail="\n".join([what, *diff]),
        remediation=remedy,
    )
