"""The rollout flag and the gate of its next phase, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

__all__ = ["clean", "print_flag", "print_gate", "print_history"]


def print_flag(found: Mapping[str, Any]) -> None:
    """Print the flag, who changed it last and why, and how many testers there are."""
    from carecli.rollout import shown

    click.echo(f"Strategy: {shown(found)}")
    if found["changed_at"] is not None:
        click.echo(f"Changed:  {_time(found['changed_at'])} by {clean(found['changed_by'])}")
        click.echo(f"Reason:   {clean(found['reason'])}")
    click.echo(f"Testers:  {len(found['testers'])}")


def print_gate(gate: Mapping[str, Any] | None) -> None:
    """Print the gate of the next phase.

    Arguments:
        gate: None where the change that makes it is not deployed.
    """
    if gate is None:
        click.echo("Gate:     unavailable before change rollout_gates is deployed")
        return
    from carecli.rollout import gate_lines

    first, *others = gate_lines(gate)
    click.echo(f"Gate:     {first}")
    for line in others:
        click.echo(f"  {line}")


def print_history(found: Mapping[str, Any]) -> None:
    """Print the newest changes of the flag, a line each."""
    from carecli.rollout import shown

    if found["history"]:
        click.echo("History:")
    for change in found["history"]:
        click.echo(
            f"  {_time(change['changed_at'])}  {shown(change, 'old_')} -> {shown(change, 'new_')}"
            f"  by {clean(change['changed_by'])}: {clean(change['reason'])}"
        )


def clean(text: str) -> str:
    """Return a text in one line, without commands for the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _time(text: str) -> str:
    """Return a time of the database's JSON to the second, in UTC."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
