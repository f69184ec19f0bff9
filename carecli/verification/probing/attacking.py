"""Chooses what is attacked, tries it, and asks again where answers should agree and do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from carecli.verification.findings import Finding
from carecli.verification.probing.attempts import Attempt, Outcome, Stage
from carecli.verification.probing.calls import calls, control
from carecli.verification.probing.catalogue import Catalogue, Function
from carecli.verification.probing.judging import (
    READ_ONLY,
    WEATHER,
    impersonation,
    judge_call,
    judge_control,
    judge_table,
    same_answer,
)
from carecli.verification.probing.personas import Persona
from carecli.verification.probing.tables import table_attempts

__all__ = ["Attack", "open_functions"]

OUTSIDE = ("anon", "authenticated")

# The application's server asks of any user in which system his conversations begin.
_SERVICE_ASKS = ("is_messaging_v2_enabled",)


@dataclass(slots=True)
class Attack:
    """One run of all attacks.

    Arguments:
        stage: where they are tried.
        catalogue: what there is.
        everybody: who comes.
        planned: names of the functions of schema `public` that the plan makes.
        tried: how many attacks there were.
    """

    stage: Stage
    catalogue: Catalogue
    everybody: list[Persona]
    planned: frozenset[str]
    tried: int = 0

    def run(self) -> Iterator[Finding]:
        """Try everything; give what was found."""
        attempts = list(table_attempts(self.catalogue, self.stage.cast, self.everybody))
        suspects = [(function, self.catalogue.reach_of(function)) for function in self._suspects()]
        for function, reach in suspects:
            if reach.kept == "session":
                yield _untried(function, f"was not called: {reach.cause}")
                continue
            for persona in self.everybody:
                if self._may_come(persona, function):
                    ours = self._is_ours(function)
                    dry = not ours and (reach.kept != "no" or reach.dynamic)
                    found = calls(
                        function,
                        persona,
                        self.stage.cast,
                        dry=dry,
                        ours=ours,
                        dynamic=reach.dynamic,
                    )
                    attempts += _shifted(found, len(attempts))
        yield from self._judge(attempts)
        yield from self._controls([function for function, _ in suspects])

    def _suspects(self) -> Iterator[Function]:
        """Give the functions that could do for their caller what he may not do himself."""
        for function in self.catalogue.functions.values():
            # Those of schema messaging that can be called are findings anyway.
            if function.schema == "messaging" or not function.callers:
                continue
            definers = [function.definer]
            if function.kind == "a":
                # Whoever may call an aggregate runs its functions, without a right to them.
                steps = (self.catalogue.functions.get(step or 0) for step in function.steps)
                definers += [step.definer for step in steps if step is not None]
            if self._is_ours(function) or (any(definers) and self._concerns_us(function)):
                yield function

    def _is_ours(self, function: Function) -> bool:
        return function.schema == "public" and function.name in self.planned

    def _may_come(self, persona: Persona, function: Function) -> bool:
        if persona.role not in function.callers or persona.part == "oneself":
            return False
        if persona.role == "service_role" and function.name in _SERVICE_ASKS:
            return False
        # service_role may do anything with the tables; but ours are not for it to impersonate.
        # And whoever is banned is kept out of messaging, not of the rest of the application.
        others = persona.role != "service_role" and persona.part != "banned"
        return others or self._is_ours(function)

    def _concerns_us(self, function: Function) -> bool:
        reach = self.catalogue.reach_of(function)
        tables = (self.catalogue.relations[oid] for oid in reach.tables)
        return reach.dynamic or any(
            table.defended or table.schema == "messaging" for table in tables
        )

    def _judge(self, attempts: list[Attempt]) -> Iterator[Finding]:
        outcomes = self.stage.perform(attempts)
        self.tried += len(attempts)
        late: set[str] = set()
        titles = self._titles()
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if outcome is None:
                late.add(attempt.object)
            elif attempt.kind == "call":
                yield from self._judge_call(attempt, outcome, titles)
            else:
                yield from judge_table(attempt, outcome)
        for name in sorted(late):
            remedy = "see why it takes so long"
            yield Finding("not_probed", "info", name, "took too long to be probed", remedy)
        yield from self._disagreements(attempts, outcomes)

    def _judge_call(
        self, attempt: Attempt, outcome: Outcome, titles: set[str]
    ) -> Iterator[Finding]:
        ours = attempt.object in titles
        found = list(judge_call(attempt, outcome, self.stage.cast, ours=ours))
        yield from found
        outside = attempt.persona.part in ("nobody", "stranger")
        if attempt.dry and outcome.state == READ_ONLY and outside and not found:
            detail = "was called, but could not write: that might advance a sequence"
            yield Finding("not_probed", "info", attempt.object, detail, "read it with care")

    def _titles(self) -> set[str]:
        """Return the functions whose answers must be as the contract says."""
        return {
            function.title
            for function in self.catalogue.functions.values()
            if self._is_ours(function)
            and any(
                self.catalogue.relations[oid].defended
                for oid in self.catalogue.reach_of(function).tables
            )
        }

    def _disagreements(
        self, attempts: list[Attempt], outcomes: list[Outcome | None]
    ) -> Iterator[Finding]:
        """Give the functions that answer otherwise where there is something than where not."""
        pairs: list[tuple[Attempt, Attempt]] = []
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if attempt.twin is None or outcome is None:
                continue
            other = outcomes[attempt.twin]
            if other is not None and _differ(outcome, other):
                pairs.append((attempts[attempt.twin], attempt))
        # Some answers differ each time, so each call is made twice more.
        again = self.stage.perform([call for pair in pairs for call in (*pair, *pair)])
        for number, (there, absent) in enumerate(pairs):
            answers = again[4 * number : 4 * number + 4]
            if None in answers:
                continue
            one, two, three, four = (answer for answer in answers if answer is not None)
            if same_answer(one, three) and same_answer(two, four) and _differ(one, two):
                yield _telling(there, absent)

    def _controls(self, suspects: list[Function]) -> Iterator[Finding]:
        """Give the functions of the plan whose proper use fails: their probes prove nothing."""
        oneself = next((who for who in self.everybody if who.part == "oneself"), None)
        if oneself is None:
            return
        usual, bare = [], []
        for function in suspects:
            if self._is_ours(function) and oneself.role in function.callers:
                proper = control(function, oneself, self.stage.cast)
                if proper is not None:
                    usual.append(proper)
                    bare.append(replace(proper, path=""))
        # Whoever was there already may be restricted, or have reached a limit.
        lenient = self.stage.cast.borrowed
        outcomes = self.stage.perform([*usual, *bare])
        self.tried += len(outcomes)
        for number, (proper, attempt) in enumerate(zip(usual, bare, strict=True)):
            outcome, other = outcomes[number], outcomes[number + len(usual)]
            if outcome is not None:
                yield from judge_control(proper, outcome, None, lenient=lenient)
                if other is not None:
                    yield from judge_control(attempt, other, outcome, lenient=lenient)


def open_functions(catalogue: Catalogue) -> Iterator[Finding]:
    """Give the functions of schema `messaging` that somebody outside may call."""
    for function in catalogue.functions.values():
        for role in OUTSIDE:
            if function.schema == "messaging" and role in function.callers:
                yield Finding(
                    "internal_function",
                    "error",
                    function.title,
                    f"{role} may call it, and it trusts whoever calls",
                    f"revoke all on routine {function.signature} from public, {role};",
                )


def _shifted(found: list[Attempt], places: int) -> list[Attempt]:
    """Return attempts of which the twins are counted from the beginning of a longer list."""
    return [
        attempt if attempt.twin is None else replace(attempt, twin=attempt.twin + places)
        for attempt in found
    ]


def _differ(one: Outcome, other: Outcome) -> bool:
    states = (one.state or "", other.state or "")
    return not any(state.startswith(WEATHER) for state in states) and not same_answer(one, other)


def _telling(there: Attempt, absent: Attempt) -> Finding:
    place = next(
        place
        for place, (one, other) in enumerate(zip(there.given, absent.given, strict=True))
        if one != other
    )
    if absent.given[place] == "None":
        detail = f"{absent.persona.title}, {absent.deed}: null got past the check of who calls"
        return impersonation(absent, detail)
    what = there.given[place].removesuffix("_v1").removeprefix("spare_")
    what = "user with conversations" if what == "helper" else what
    detail = f"{there.persona.title}, {there.deed}: the answer tells whether there is such a {what}"
    return Finding(
        "stranger_learns",
        "error",
        there.object,
        detail,
        f"let {there.object} check who calls before it looks at anything else",
    )


def _untried(function: Function, why: str) -> Finding:
    return Finding("not_probed", "info", function.title, why, "read it with care")
