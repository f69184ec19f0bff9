"""Whether a revert script takes back what its deploy script does, as far as the texts tell.

What cannot be told from a text is left alone: SQL that is executed as a string, a script that says
by an exception that there is no way back, one that says so by a comment:

    -- carecli-check: ignore revert, the reason
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from carecli.checking.matching import (
    Known,
    any_same,
    goes_with,
    is_same,
    label,
    mentions,
    same_name,
    statement_for,
)
from carecli.errors import CarecliError
from carecli.linting.files import ScriptFile
from carecli.linting.reading import Text, find, read_text
from carecli.project import Project
from carecli.script import Purpose
from carecli.script.effects import Effect, effects, read_name
from carecli.script.lexical import Token
from carecli.verification.findings import Finding

__all__ = ["check_reverts"]

_DDL = re.compile(r"\b(create|alter|drop|grant|revoke)\b", re.IGNORECASE)
_IGNORE = re.compile(r"^-- *carecli-check: *ignore +revert *, *\S", re.MULTILINE)
_STARTS = frozenset((";", "begin", "then", "else", "loop"))
_VERBS = frozenset(("create", "alter", "drop", "grant", "revoke"))
# What no statement takes back.
_FOR_GOOD = (
    ["add", "value"],
    ["validate", "constraint"],
    ["disable", "trigger"],
    ["enable", "trigger"],
)
_NAMED = (["add", "column"], ["add", "constraint"])


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two scripts of a change.

    Arguments:
        deploy: where its deploy script is.
        revert: where its revert script is.
        done: what the deploy script does.
        undone: what the revert script does, in PL/pgSQL too.
        known: what earlier changes have made.
    """

    deploy: Text
    revert: Text
    done: tuple[Effect, ...]
    undone: tuple[Effect, ...]
    known: Known

    def finding(
        self, effect: Effect, detail: str, remedy: str, at: Effect | None = None
    ) -> Finding:
        """Return a finding on an object, at a place in the revert script."""
        line = self.deploy.script.source.line(effect.offset)
        script = self.deploy.script.path
        where = f"{script.parent.name}/{script.name}:{line}"
        place = None if at is None else self.revert.script.source.line(at.offset)
        path = self.revert.script.path
        return Finding("revert", "warning", label(effect), f"{where} {detail}", remedy, path, place)


def check_reverts(project: Project) -> Iterator[Finding]:
    """Yield what a revert script does not take back, or takes back in an order that fails.

    Arguments:
        project: the project, with a plan that can be read.
    """
    known = Known()
    for change in project.plan:
        deploy = _read(project, project.deploy_file(change), "deploy")
        revert = _read(project, project.revert_file(change), "revert")
        if deploy is not None:
            done = tuple(deploy.effects)
            if revert is not None and not _is_opaque(revert):
                undone = tuple(_all_effects(revert))
                pair = _Pair(deploy, revert, done, undone, known)
                yield from _check(pair)
            known.add(done)


def _read(project: Project, path: Path, purpose: Purpose) -> Text | None:
    try:
        file = ScriptFile(path, purpose, project.variables_for(purpose))
        return read_text(file, routines=False)
    except CarecliError:
        return None  # told by the check of the scripts


def _all_effects(text: Text) -> Iterator[Effect]:
    """Yield what the statements do, those in the bodies of DO included."""
    for sentence in text.sentences:
        yield from sentence.effects
        if sentence.tokens[0].text == "do":
            body = sentence.body
            for at, token in enumerate(body):
                if token.text in _VERBS and (at == 0 or body[at - 1].text in _STARTS):
                    yield from effects(body[at : _end(body, at)])


def _end(tokens: Sequence[Token], at: int) -> int:
    return next((place for place in range(at, len(tokens)) if tokens[place].text == ";"),
                len(tokens))  # fmt: skip


def _is_opaque(text: Text) -> bool:
    """Tell whether a script does what its text does not show, or says that it does nothing."""
    if _IGNORE.search(text.script.text):
        return True
    for sentence in text.sentences:
        first = sentence.tokens[0].text
        if first == "call" or any(token.text == "owned" for token in sentence.tokens[:2]):
            return True
        if first == "do":
            for at in find(sentence.body, "execute"):
                strings = sentence.body[at : _end(sentence.body, at)]
                if any(_DDL.search(token.text) for token in strings if token.kind != "word"):
                    return True
                if len(strings) < 3:  # a variable
                    return True
            refuses = next(find(sentence.body, "raise", "exception"), None) is not None
            if refuses and not list(_all_effects(text)):
                return True
    return False


def _check(pair: _Pair) -> Iterator[Finding]:
    made = [
        item
        for at, item in enumerate(pair.done)
        if item.verb in ("create", "replace")
        and not item.temporary
        and not any(goes_with(item, later) for later in pair.done[at + 1 :])
    ]
    new = [item for item in made if item not in pair.known]
    for effect in new:
        if not any(goes_with(effect, item) or _moves(effect, item) for item in pair.undone):
            yield pair.finding(effect, "creates it, and nothing drops it in the revert script",
                               statement_for(effect))  # fmt: skip
    for effect in made:
        if effect.verb == "replace" and effect not in new and not _touched(effect, pair):
            yield pair.finding(
                effect,
                "replaces it, and nothing puts the former one back in the revert script",
                f"create or replace {label(effect)}, as the change before made it",
            )
    yield from _dropped(pair, made)
    for at, effect in enumerate(pair.done):
        # A privilege may be lent for the time of the script.
        lent = any(item.verb == "revoke" and is_same(effect, item) for item in pair.done[at + 1 :])
        asks = effect.verb == "alter" or (effect.verb == "grant" and not lent)
        if asks and not any_same(effect, made):
            yield from _unanswered(pair, effect)
    yield from _disordered(pair, new)


def _moves(effect: Effect, item: Effect) -> bool:
    """Tell whether a statement gives an object another name or schema."""
    words = {token.text for token in item.rest[:2]}
    return item.verb == "alter" and bool({"rename", "schema"} & words) and is_same(effect, item)


def _touched(effect: Effect, pair: _Pair) -> bool:
    return any(
        (item.verb != "comment" and is_same(effect, item)) or goes_with(effect, item)
        for item in pair.undone
    )


def _dropped(pair: _Pair, made: Sequence[Effect]) -> Iterator[Finding]:
    """Yield what earlier changes made, this one drops, and nothing in the revert makes again."""
    for effect in pair.done:
        if effect.verb != "drop" or effect not in pair.known or any_same(effect, made):
            continue
        again = (item for item in pair.undone if item.verb in ("create", "replace", "alter"))
        with_schema = any(item.kind == "schema" and goes_with(effect, item) for item in pair.undone)
        if not any_same(effect, again) and not with_schema:
            yield pair.finding(
                effect,
                "drops it, and nothing makes it again in the revert script",
                f"create {label(effect)}, as the change before made it",
            )


def _unanswered(pair: _Pair, effect: Effect) -> Iterator[Finding]:
    """Yield an ALTER or a GRANT on what was there before that the revert script does not answer."""
    words = [token.text for token in effect.rest[:2]]
    if effect.kind == "all" or words in _FOR_GOOD or _is_part(pair, effect):
        return
    renamed = read_name(effect.rest, 2)[0] if words == ["rename", "to"] else "."
    answers = [
        item
        for item in pair.undone
        if (item.verb != "comment" and is_same(effect, item))
        or goes_with(effect, item)
        or same_name(item.name, renamed)
    ]
    verb = "alters" if effect.verb == "alter" else "grants on"
    if not answers and not _gone_with_what_it_names(pair, effect):
        remedy = f"alter {label(effect)} ..." if effect.verb == "alter" else _revoke(effect)
        yield pair.finding(
            effect, f"{verb} it, and nothing takes that back in the revert script", remedy
        )
    elif effect.verb == "alter" and effect.kind == "table" and words in _NAMED:
        yield from _unnamed(pair, effect, answers)


def _is_part(pair: _Pair, effect: Effect) -> bool:
    """Tell whether it is about the sequence of a serial column of a table that is made here."""
    return effect.kind == "sequence" and any(
        item.verb == "create" and item.kind == "table" and effect.name.startswith(f"{item.name}_")
        for item in pair.done
    )


def _gone_with_what_it_names(pair: _Pair, effect: Effect) -> bool:
    """Tell whether the revert script drops what an ALTER brought in, as in `add table x`."""
    return any(
        (item.verb == "drop" and mentions(effect.rest, item.name, item.kind == "schema"))
        or (item.kind == "all" and effect.verb == "grant")
        for item in pair.undone
    )


def _unnamed(pair: _Pair, effect: Effect, answers: Sequence[Effect]) -> Iterator[Finding]:
    """Yield the column or constraint that was added and that no statement on the table names."""
    tokens = [token for token in effect.rest if token.text not in ("if", "not", "exists")]
    name = tokens[2].text if len(tokens) > 2 else ""
    if any(item.verb in ("drop", "create") for item in answers):
        return
    if not any(token.text == name for item in answers for token in item.rest):
        kind = tokens[1].text
        yield pair.finding(
            effect,
            f"adds {kind} {name} to it, and nothing drops that in the revert script",
            f"alter table {effect.name} drop {kind} {name};",
        )


def _revoke(effect: Effect) -> str:
    words = [token.text for token in effect.rest]
    to = words.index("to") if "to" in words else len(words)
    return f"revoke ... on {label(effect)} from {' '.join(words[to + 1 :]).rstrip(' ;')};"


def _disordered(pair: _Pair, new: Sequence[Effect]) -> Iterator[Finding]:
    """Yield what is dropped behind something that it stands on: the server would refuse that."""
    for at, effect in enumerate(new):
        own = [place for place, item in enumerate(pair.undone)
               if item.verb == "drop" and is_same(effect, item)]  # fmt: skip
        for base in new[:at]:
            if not own or not _stands_on(effect, base):
                continue
            before = next(
                (item for item in pair.undone[: own[0]]
                 if item.verb == "drop" and is_same(base, item) and not item.cascades),
                None,
            )  # fmt: skip
            if before is not None and before.offset != pair.undone[own[0]].offset:
                yield pair.finding(
                    effect,
                    f"makes it on {label(base)}, which the revert script drops before it",
                    f"{statement_for(effect)} -- before: {statement_for(base)}",
                    before,
                )


def _stands_on(effect: Effect, base: Effect) -> bool:
    if base.kind == "schema":
        return effect.name.partition(".")[0] == base.name and "." in effect.name
    if effect.table and base.kind in ("table", "view", "materialized view"):
        return same_name(effect.table, base.name)
    return mentions(effect.rest, base.name)
