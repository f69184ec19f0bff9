"""Attacks on functions: which calls of them are worth it, and which answers must agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from carecli.verification.probing.arguments import (
    Argument,
    Choice,
    arguments_of,
    statement_of,
    value_of,
)
from carecli.verification.probing.attempts import Attempt
from carecli.verification.probing.cast import Cast
from carecli.verification.probing.catalogue import Function
from carecli.verification.probing.personas import Persona

__all__ = ["calls", "control"]

LIMIT = 24  # calls of a function by one persona

# How a finding says what the arguments were.
TOLD = {
    "helper": "the helper's id",
    "requester": "the requester's id",
    "stranger": "the own id",
    "blocked": "the own id",
    "banned": "the own id",
    "banned_conversation": "the own conversation",
    "idle": "an idle user's id",
    "no_user": "the own id",
    "conversation": "a conversation",
    "conversation_v1": "a conversation of V1",
    "blocked_conversation": "a conversation that is blocked",
    "barred_conversation": "a conversation that is blocked, nobody knows by whom",
    "message_v1": "a message of V1",
    "spare_request": "an open request",
    "request": "a request",
    "no_object": "an id of nothing",
    "text": "a text",
    "nothing": "an empty text",
    "query": "a query",
}


def calls(
    function: Function, persona: Persona, cast: Cast, *, dry: bool, ours: bool, dynamic: bool
) -> list[Attempt]:
    """Return the calls of a function by one who comes, each followed by those it must agree with.

    Arguments:
        function: what is called.
        persona: who calls.
        cast: whom the arguments are about.
        dry: whether nothing may be written.
        ours: whether the plan made the function; then null is a user like any other stranger.
        dynamic: whether it puts statements together, perhaps of what it is given.
    """
    arguments = arguments_of(function)
    if arguments is None:
        return []
    ids = [argument for argument in arguments if argument.meaning]
    words: list[Choice] = ["text"]
    if persona.part in ("stranger", "nobody") and not ours:
        words += ["nothing", "query"] if dynamic else ["nothing"]
    choices = [
        words if argument.meaning == "words" else _choices(argument, persona, cast)
        for argument in ids
    ]
    limit = LIMIT if persona.thorough or persona.part == "blocked" else 2
    found: list[Attempt] = []
    places: dict[tuple[Choice, ...], int] = {}
    for number, chosen in enumerate(itertools.islice(_spread(choices), limit)):
        base = _call(function, arguments, persona, cast, chosen, dry)
        found.append(base)
        place = len(found) - 1
        if ours and None in chosen and (like := _named(ids, chosen)) in places:
            found[place] = replace(base, twin=places[like])
        places[chosen] = place
        if not _is_compared(persona, ours):
            continue
        if persona.thorough or number == 0:
            for other in _absent(chosen, base.foreign, cast):
                twin = _call(function, arguments, persona, cast, other, dry, twin=place)
                found.append(twin)
    return found


def control(function: Function, persona: Persona, cast: Cast) -> Attempt | None:
    """Return the call that a user may make, or None where the arguments cannot be guessed."""
    arguments = arguments_of(function)
    if arguments is None:
        return None
    own = {
        "person": persona.me,
        "conversation": "conversation",
        "request": "spare_request",
        "message": "message",
        "token": "token",
        "words": "text",
        "id": "conversation",
    }
    chosen = tuple(own[argument.meaning] for argument in arguments if argument.meaning)
    return _call(function, arguments, persona, cast, chosen, False)


def _choices(argument: Argument, persona: Persona, cast: Cast) -> list[Choice]:
    """Return what an id may be, the likeliest first."""
    if persona.part == "blocked":
        people: list[Choice] = ["blocked"]
        conversations: list[Choice] = ["blocked_conversation", "barred_conversation"]
        requests: list[Choice] = ["request"]
    elif persona.part == "banned":
        people, conversations, requests = ["banned"], ["banned_conversation"], ["spare_request"]
    elif persona.part == "fellow":
        people, conversations, requests = ["helper"], ["conversation"], ["spare_request"]
    else:
        people = ["helper", "requester", None, *([persona.me] if persona.me else [])]
        conversations = ["conversation", "conversation_v1"]
        requests = ["spare_request", "request"]
    messages: list[Choice] = ["message", "message_v1"]
    known: dict[str, list[Choice]] = {
        "person": people,
        "conversation": conversations,
        "message": messages,
        "request": requests,
        "token": ["token"],
    }
    chosen = known.get(argument.meaning) or [people[0], *conversations, requests[0], "message"]
    return [choice for choice in chosen if choice not in cast.missing]


def _spread(choices: list[list[Choice]]) -> Iterator[tuple[Choice, ...]]:
    """Give all combinations, those near the likeliest one first."""
    places = itertools.product(*(range(len(options)) for options in choices))
    for place in sorted(places, key=lambda place: (max(place, default=0), sum(place), place)):
        yield tuple(options[at] for options, at in zip(choices, place, strict=True))


def _is_compared(persona: Persona, ours: bool) -> bool:
    """Tell whether answers must agree: not where only some calls get as far as `auth.uid()`."""
    return persona.part in ("stranger", "nobody") and (ours or not persona.garbled)


def _named(ids: list[Argument], chosen: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Return the same arguments with a person in the place of null."""
    return tuple(
        "helper" if choice is None and argument.meaning == "person" else choice
        for argument, choice in zip(ids, chosen, strict=True)
    )


def _absent(chosen: tuple[Choice, ...], foreign: bool, cast: Cast) -> Iterator[tuple[Choice, ...]]:
    """Give the same arguments with an id that is not there in the place of one that is."""
    for place, choice in enumerate(chosen):
        if choice in ("conversation", "conversation_v1", "message", "message_v1"):
            other = "no_object"
        elif choice == "helper" and "idle" not in cast.missing:
            # Who is there is no secret of messaging; who talks to somebody is.
            other = "idle"
        elif choice in ("spare_request", "request") and foreign:
            other = "no_object"
        else:
            continue
        yield (*chosen[:place], other, *chosen[place + 1 :])


def _call(
    function: Function,
    arguments: list[Argument],
    persona: Persona,
    cast: Cast,
    chosen: tuple[Choice, ...],
    dry: bool,
    *,
    twin: int | None = None,
) -> Attempt:
    rest = iter(chosen)
    values = [
        (argument, value_of(argument, cast, persona, next(rest) if argument.meaning else None))
        for argument in arguments
    ]
    statement = statement_of(function, values)
    people = {
        choice
        for argument, choice in zip(
            (argument for argument in arguments if argument.meaning), chosen, strict=True
        )
        if argument.meaning == "person" or choice in ("helper", "requester", "idle")
    }
    return Attempt(
        function.title,
        persona,
        statement.as_string(None),
        reads=function.kind != "p",
        deed=_deed(chosen),
        kind="call",
        foreign=persona.me is None or bool(people - {persona.me}),
        given=tuple(str(choice) for choice in chosen),
        twin=twin,
        dry=dry,
    )


def _deed(chosen: tuple[Choice, ...]) -> str:
    told = [TOLD.get(choice, f"a {choice}") if choice else "null" for choice in chosen]
    return f"called with {', '.join(told)}" if told else "called"
