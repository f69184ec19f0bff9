"""As whom the attacker comes: the role and the claims of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from carecli.verification.probing.cast import Cast

__all__ = ["Persona", "Part", "personas"]

Part = Literal["nobody", "stranger", "fellow", "blocked", "banned", "oneself"]


@dataclass(frozen=True, slots=True)
class Persona:
    """One way to come.

    Arguments:
        part: `nobody`, whom the claims do not name; `stranger` to the conversation; `fellow`, the
            other one in it; `blocked` by the other one; `banned` by a moderator; `oneself`, who
            may do what he asks for.
        role: the database role.
        claims: the setting `request.jwt.claims`.
        subject: the older setting `request.jwt.claim.sub`.
        me: which person of the cast that is; None: nobody who is in it.
        manner: how that is said in a finding.
        thorough: whether all kinds of arguments are tried, or only the likeliest.
        garbled: whether `auth.uid()` may raise an error for these claims.
    """

    part: Part
    role: str
    claims: str
    subject: str
    me: str | None
    manner: str
    thorough: bool = False
    garbled: bool = False

    @property
    def title(self) -> str:
        """What a finding says: as which role, with what claims."""
        return f"as {self.role} {self.manner}"


# What the claims may be without naming anybody.
NOBODY = {
    "without claims": "",
    "with claims without a sub": "{}",
    "with a null sub": '{"sub": null}',
}
GARBLED = {
    "with claims that are no JSON": '{"sub": ',
    "with a sub that is no uuid": '{"sub": "somebody"}',
    "with an empty sub": '{"sub": ""}',
}


def personas(cast: Cast, roles: list[str]) -> list[Persona]:
    """Return all ways to come, for the roles that the database has."""
    found = [
        Persona("nobody", role, claims, "", None, manner, claims == "", manner in GARBLED)
        for role in roles
        for manner, claims in {**NOBODY, **GARBLED}.items()
        if role != "service_role" or claims == ""
    ]
    for role in roles:
        found.append(
            _signed_in(cast, "stranger", role, "stranger", "with the claims of another user")
        )
    if "authenticated" in roles:
        older = str(cast.stranger)
        manner = "with request.jwt.claim.sub of another user"
        found += [
            Persona("stranger", "authenticated", "", older, "stranger", manner),
            Persona(
                "stranger", "authenticated", _claims(str(cast.no_user)), "", "no_user",
                "with the claims of a user who does not exist",
            ),
            _signed_in(cast, "fellow", "authenticated", "requester", "with the other one's claims"),
            _signed_in(cast, "oneself", "authenticated", "helper", "with one's own claims"),
        ]  # fmt: skip
        if "blocked_conversation" not in cast.missing:
            manner = "with the claims of one who is blocked"
            found.append(_signed_in(cast, "blocked", "authenticated", "blocked", manner))
        if "banned_conversation" not in cast.missing:
            manner = "with the claims of one who is banned"
            found.append(_signed_in(cast, "banned", "authenticated", "banned", manner))
    return found


def _signed_in(cast: Cast, part: Part, role: str, me: str, manner: str) -> Persona:
    claims = _claims(str(cast.value(me)))
    return Persona(part, role, claims, "", me, manner, thorough=part == "stranger")


def _claims(subject: str) -> str:
    return json.dumps({"sub": subject, "role": "authenticated"})
