"""Tells from what the attempts came to whether somebody could be somebody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from carecli.verification.findings import Finding
from carecli.verification.probing.attempts import ACTORS, Attempt, Outcome
from carecli.verification.probing.cast import Cast

__all__ = [
    "READ_ONLY",
    "WEATHER",
    "impersonation",
    "judge_call",
    "judge_control",
    "judge_table",
    "merged",
    "same_answer",
]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
REQUEST_ID = re.compile(r"\bv2_\d+_\w+")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?|Z)?")

# SQLSTATEs that say nothing about the function: a lock, the time, the server going down.
WEATHER = ("55P03", "57014", "40001", "40P01", "57P01", "53")
READ_ONLY = "25006"

# What stands before a name in the object of a finding.
KIND = re.compile(r"^(function|procedure|aggregate|table|view|foreign table) ")

# Checks of which each deed is a finding of its own.
BY_DEED = ("direct_write", "direct_read", "blocked_user")

# Where a new row is something that was said.
SAID = (
    "public.conversations_v2",
    "public.messages_v2",
    "public.conversations",
    "public.messages",
)

MEND_CHECK = (
    "begin {object} with: if auth.uid() is null or <the user argument> is distinct from "
    "auth.uid() then refuse; or: revoke execute on routine {name} from public, anon, authenticated;"
)
MEND_BAN = "let {object} refuse who is blocked or banned: carecli migrate"
MEND_PATH = "alter routine {name} set search_path = ''; with every name in it qualified"
MEND_ROWS = (
    "revoke all on table {name} from public, anon, authenticated; then grant what the plan grants, "
    "and see to its policies"
)
MEND_VIEW = "alter view {name} set (security_invoker = true); or: revoke all on table {name} from "
MEND_VIEW += "public, anon, authenticated;"


def judge_call(attempt: Attempt, outcome: Outcome, cast: Cast, *, ours: bool) -> Iterator[Finding]:
    """Give what a call of a function shows.

    Arguments:
        attempt: the call.
        outcome: what it came to.
        cast: whom it was about.
        ours: whether the plan made the function, so that it answers as the contract says.
    """
    if (outcome.state or "").startswith(WEATHER):
        return
    persona = attempt.persona
    told = f"{persona.title}, {attempt.deed}"
    acts = attempt.foreign or persona.part == "nobody"
    if persona.part in ("nobody", "stranger"):
        leaked = any(secret in outcome.text for secret in cast.secrets)
        if leaked:
            check = "impersonation" if acts else "stranger_learns"
            yield _finding(check, attempt, f"{told}: read what others wrote", MEND_CHECK)
    for change in _changes(attempt, outcome, cast):
        if persona.part in ("blocked", "banned"):
            yield _finding(f"{persona.part}_user", attempt, f"{told}: {change}", MEND_BAN)
        else:
            yield _finding("impersonation", attempt, f"{told}: {change}", MEND_CHECK)
    if attempt.dry and outcome.state == READ_ONLY and _would_write(outcome, acts):
        yield _finding("impersonation", attempt, f"{told}: went on to write", MEND_CHECK)
    if ours:
        yield from _contract(attempt, outcome, told, acts)


def _contract(attempt: Attempt, outcome: Outcome, told: str, acts: bool) -> Iterator[Finding]:
    """Give what is wrong with the answer of a function of the contract."""
    if outcome.state is not None:
        if not attempt.dry:
            detail = f"{told}: ended with the error {outcome.state} {outcome.message}"
            yield _finding("unexpected_error", attempt, detail, "let {object} answer, not raise")
        return
    if attempt.persona.role == "anon":
        remedy = "revoke execute on routine {name} from public, anon;"
        yield _finding("anonymous_call", attempt, f"{told}: was answered", remedy)
    answer = _object(outcome.answer)
    if "success" not in answer:
        return
    if answer.get("error") == "server_error":
        remedy = "see the event log (carecli logs --error server_error) and mend {object}"
        yield _finding("unexpected_error", attempt, f"{told}: answered server_error", remedy)
    elif acts and not _is_refusal(answer):
        said = "success" if answer["success"] else str(answer.get("error"))
        detail = f"{told}: was answered {said}, where permission_denied is due"
        yield _finding("impersonation", attempt, detail, MEND_CHECK)


def judge_control(
    attempt: Attempt, outcome: Outcome, usual: Outcome | None, *, lenient: bool
) -> Iterator[Finding]:
    """Give what is wrong with a call that should succeed.

    Arguments:
        attempt: the call.
        outcome: what it came to.
        usual: None for the call as usual; else what that came to, and this one had no search path.
        lenient: whether the caller may have been refused for a reason of his own.
    """
    if (outcome.state or "").startswith(WEATHER):
        return
    answer = _object(outcome.answer)
    error = answer.get("error")
    if usual is not None:
        if usual.state is None and not same_answer(usual, outcome):
            said = f"{outcome.state} {outcome.message}" if outcome.state else f"{error}"
            detail = f"{attempt.persona.title} and an empty search path: {said}; it looks names up"
            detail += " in the search path of whoever calls"
            yield _finding("search_path", attempt, detail, MEND_PATH)
    elif outcome.state is not None or error in (
        "permission_denied",
        "unauthorized",
        "server_error",
    ):
        said = f"{outcome.state} {outcome.message}" if outcome.state else f"{error}"
        detail = f"{attempt.persona.title}, {attempt.deed}: {said}; the probes of it prove nothing"
        yield _finding("control", attempt, detail, "carecli migrate, or mend {object}")


def judge_table(attempt: Attempt, outcome: Outcome) -> Iterator[Finding]:
    """Give what an attack on a table or view shows.

    Arguments:
        attempt: the attack.
        outcome: what it came to.
    """
    persona = attempt.persona
    told = f"{persona.title}: {attempt.deed}"
    if persona.part == "oneself":
        if outcome.answer is None and not (outcome.state or "").startswith(WEATHER):
            said = outcome.message or "no row"
            detail = f"{persona.title}: could not read the own conversation: {said}"
            remedy = "see the policies of {object}: carecli verify --contract"
            yield _finding("control", attempt, detail, remedy)
    elif outcome.state is None and (outcome.answer or outcome.rows):
        check = "direct_write" if attempt.kind == "write" else "direct_read"
        if persona.part == "blocked":
            check = "blocked_user"
        remedy = MEND_VIEW if attempt.object.startswith("view ") else MEND_ROWS
        yield _finding(check, attempt, told, remedy)


def _is_refusal(answer: dict[str, Any]) -> bool:
    """Tell whether an answer turns the caller away because of who he is."""
    return answer.get("error") in ("permission_denied", "unauthorized")


def same_answer(one: Outcome, other: Outcome) -> bool:
    """Tell whether two answers differ in nothing but ids and times."""
    return _neutral(one.text) == _neutral(other.text)


def _neutral(text: str) -> str:
    """Return an answer without what differs between any two calls."""
    for pattern in (UUID, REQUEST_ID, MOMENT):
        text = pattern.sub("*", text)
    return text


def _changes(attempt: Attempt, outcome: Outcome, cast: Cast) -> Iterator[str]:
    """Give what a call did to rows that were not its caller's to touch."""
    for table, row in sorted(outcome.came):
        content = json.loads(row)
        if _blames(attempt, table, content, cast):
            yield f"wrote a row of {table}{_name_in(content, cast)}"
    for table, row in sorted(outcome.went):
        if _blames(attempt, table, json.loads(row), cast):
            yield f"changed or deleted a row of {table} that others had written"


def _name_in(row: dict[str, Any], cast: Cast) -> str:
    """Tell in whose name a row is."""
    victims = {
        str(cast.helper): "the helper",
        str(cast.requester): "the requester",
        str(cast.banned): "somebody who is banned",
    }
    for column in ACTORS:
        if row.get(column) in victims:
            return f" in the name of {victims[row[column]]} ({column})"
    return " among those of others"


def _blames(attempt: Attempt, table: str, row: dict[str, Any], cast: Cast) -> bool:
    """Tell whether a row that came or went is one that the caller must not touch."""
    part = attempt.persona.part
    if part == "fellow":
        actors = {row.get("sender_id"), row.get("user_id")}
        return str(cast.helper) in actors
    if part == "banned":
        # He may close his conversation, and say how far he has read.
        own = row.get("id") == str(cast.banned_conversation)
        return not own and table in SAID and str(cast.banned) in map(row.get, ACTORS)
    if part == "blocked":
        return table in ("public.conversations_v2", "public.messages_v2")
    # A table of settings has no person in it; nobody but an operator writes there.
    return True


def _would_write(outcome: Outcome, acts: bool) -> bool:
    """Tell whether a call that may not write was about to write a conversation's row."""
    first = outcome.context.splitlines()[0] if outcome.context else ""
    tables = r"messages_v2|conversation_reads_v2|\bmessages\b|"
    tables += r"messaging\.(?!rpc_events|client_messages)"
    if acts:
        tables += r"|conversations_v2|\bconversations\b"
    return re.search(tables, first) is not None


def _object(answer: str | None) -> dict[str, Any]:
    """Return an answer that is a JSON object; an empty one for any other."""
    try:
        found = json.loads(answer or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def impersonation(attempt: Attempt, detail: str) -> Finding:
    """Return the finding that somebody could be somebody else."""
    return _finding("impersonation", attempt, detail, MEND_CHECK)


def _finding(check: str, attempt: Attempt, detail: str, remedy: str) -> Finding:
    name = KIND.sub("", attempt.object)
    mended = remedy.format(object=attempt.object, name=name)
    return Finding(check, "error", attempt.object, detail, mended)


def merged(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return one finding for each check and object, which says how many more ways there are.

    Arguments:
        findings: in any number; what was done to a table stays apart by what it was.
    """
    groups: dict[tuple[str, str, str], dict[str, Finding]] = {}
    for finding in findings:
        deed = finding.detail.partition(": ")[2] if finding.check in BY_DEED else ""
        key = (finding.check, finding.object, deed)
        groups.setdefault(key, {}).setdefault(finding.detail, finding)
    return tuple(_summary(list(group.values())) for _, group in sorted(groups.items()))


def _summary(group: list[Finding]) -> Finding:
    first, *rest = group
    if not rest:
        return first
    return replace(first, detail=f"{first.detail} (and {len(rest)} more ways)")
