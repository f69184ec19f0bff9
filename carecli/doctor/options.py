"""What the doctor counts as too long, and as too little."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DoctorOptions"]


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """Limits, the defaults of which are those of a migration.

    Arguments:
        patience: milliseconds that a migration waits for a lock; a transaction that is open for
            longer stops it.
        room: bytes that should be free where the server keeps its data.
    """

    patience: int = 5000
    room: int = 1024**3
