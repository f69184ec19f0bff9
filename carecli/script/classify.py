"""What a statement is: one that cannot run in a transaction, a COPY, transaction control.

Source for the first: the callers of PreventInTransactionBlock in PostgreSQL 15 to 18. What only
the catalogue can tell (a CLUSTER or REINDEX of a partitioned table) is left to the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from carecli.script.lexical import tokens
from carecli.script.statements import StatementKind

__all__ = ["autocommit_reason", "copy_direction", "first_words"]

# What may follow CREATE in a command that cannot run in a transaction.
_CREATED = frozenset(("unique", "index", "database", "tablespace", "subscription"))
_OFF = frozenset(("false", "off", "'false'", "'off'", "0"))


def first_words(sql: str, count: int) -> list[str]:
    """Return the first tokens of a statement, words in lower case."""
    return list(islice(tokens(sql), count))


def autocommit_reason(sql: str, words: Sequence[str]) -> str | None:
    """Return the command that the server refuses in a transaction block, or None.

    Arguments:
        sql: one statement.
        words: its first words in lower case: one at least, two of a CREATE.
    """
    if not words or words[0] not in _RULES:
        return None
    if words[0] == "create" and words[1:2] and words[1] not in _CREATED:
        return None
    return _RULES[words[0]](sql)


def copy_direction(sql: str) -> StatementKind:
    """Say whether a COPY takes its data from the client, gives it to the client, or neither."""
    depth = 0
    direction = ""
    for item in tokens(sql):
        if item in "()":
            depth += 1 if item == "(" else -1
        elif depth == 0 and direction:
            # The server takes either word in either direction.
            if item in ("stdin", "stdout"):
                return "copy_in" if direction == "from" else "copy_out"
            return "sql"
        elif depth == 0 and item in ("from", "to"):
            direction = item
    return "sql"


def _create(sql: str) -> str | None:
    match first_words(sql, 4):
        case ["create", "index", "concurrently", *_] | [
            "create",
            "unique",
            "index",
            "concurrently",
        ]:
            return "create index concurrently"
        case ["create", ("database" | "tablespace") as kind, *_]:
            return f"create {kind}"
        case ["create", "subscription", *_]:
            options = _options(list(tokens(sql)))
            explicit = options.get("create_slot")
            connects = options.get("connect", "true") not in _OFF
            creates = connects if explicit is None else explicit not in _OFF
            return "create subscription with a replication slot" if creates else None
    return None


def _drop(sql: str) -> str | None:
    match first_words(sql, 3):
        case ["drop", "index", "concurrently"]:
            return "drop index concurrently"
        case ["drop", ("database" | "tablespace" | "subscription") as kind, *_]:
            return f"drop {kind}"
    return None


def _reindex(sql: str) -> str | None:
    words = list(tokens(sql))[1:]
    if words[:1] == ["("]:
        closing = words.index(")") if ")" in words else len(words)
        options, words = words[1:closing], words[closing + 1 :]
        if "concurrently" in options:
            follows = options[options.index("concurrently") + 1 :][:1]
            if not follows or follows[0] not in _OFF:
                return "reindex concurrently"
    if "concurrently" in words[1:2]:
        return "reindex concurrently"
    if words[:1] and words[0] in ("schema", "database", "system"):
        return f"reindex {words[0]}"
    return None


def _alter(sql: str) -> str | None:
    words = first_words(sql, 2)
    if words == ["alter", "system"]:
        return "alter system"
    if words[1:] == ["database"]:
        found = "tablespace" in islice(tokens(sql), 3, 5)
        return "alter database set tablespace" if found else None
    if words[1:] == ["table"]:
        if "concurrently" not in sql.lower():
            return None
        all_words = [item for item in tokens(sql) if item != ";"]
        detaches = all_words[-1] == "concurrently" and "detach" in all_words
        return "alter table detach partition concurrently" if detaches else None
    if words[1:] == ["subscription"]:
        return _alter_subscription(list(tokens(sql)))
    return None


def _alter_subscription(words: Sequence[str]) -> str | None:
    action = list(words[3:5])
    options = _options(words)
    if action == ["refresh", "publication"]:
        return "alter subscription refresh publication"
    if action[1:] == ["publication"] and options.get("refresh", "true") not in _OFF:
        return f"alter subscription {action[0]} publication with refresh"
    if action[:1] == ["set"] and {"failover", "two_phase"} & options.keys():
        return "alter subscription set failover or two_phase"
    return None


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return the last parenthesised `name [= value], ...` of a statement."""
    if "(" not in words:
        return {}
    start = len(words) - 1 - list(reversed(words)).index("(")
    options: dict[str, str] = {}
    item: list[str] = []
    for word in words[start + 1 :]:
        if word in (",", ")"):
            if item:
                options[item[0]] = item[-1] if len(item) > 1 else "true"
            item = []
        else:
            item.append(word)
    return options


def _cluster(sql: str) -> str | None:
    words = [word for word in tokens(sql) if word != ";"][1:]
    if words[:1] == ["("] and ")" in words:
        words = words[words.index(")") + 1 :]
    return None if words and words != ["verbose"] else "cluster of all tables"


def _vacuum(_sql: str) -> str | None:
    return "vacuum"


def _discard(sql: str) -> str | None:
    return "discard all" if first_words(sql, 2) == ["discard", "all"] else None


_RULES: dict[str, Callable[[str], str | None]] = {
    "create": _create,
    "drop": _drop,
    "reindex": _reindex,
    "alter": _alter,
    "vacuum": _vacuum,
    "cluster": _cluster,
    "discard": _discard,
}
