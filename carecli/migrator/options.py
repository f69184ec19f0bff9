"""How a migration is to be run, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from carecli.plan import Change

__all__ = ["MigrationOptions", "Outcome", "Reporter"]


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """The choices of one run.

    Arguments:
        verify: run each change's verify script in its transaction.
        log_only: record the changes without running their deploy or revert scripts.
        atomic: one transaction for all changes instead of one for each.
        allow_data_loss: let revert scripts drop rows.
        lock_timeout: milliseconds that a statement waits for a lock on a table.
        lock_retries: how often a change is tried again after such a wait, with back-off.
        lock_wait: seconds to wait for another migrator.
    """

    verify: bool = True
    log_only: bool = False
    atomic: bool = False
    allow_data_loss: bool = False
    lock_timeout: int = 5000
    lock_retries: int = 10
    lock_wait: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    Arguments:
        changes: each change that was deployed or reverted, in order, with its seconds.
        transcript: with a dry run, the SQL that would have run.
    """

    changes: tuple[tuple[Change, float], ...] = ()
    transcript: str | None = None


class Reporter(Protocol):
    """What a run tells while it goes on."""

    def begin(self, total: int, width: int) -> None:
        """Say how many changes are to come, and the length of the longest name."""

    def started(self, change: Change) -> None:
        """Say that work on a change begins."""

    def finished(self, change: Change, seconds: float) -> None:
        """Say that a change is done."""

    def failed(self, change: Change) -> None:
        """Say that a change has failed."""

    def say(self, message: str) -> None:
        """Say something else that the user wants to know meanwhile."""
