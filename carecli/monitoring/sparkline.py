"""A row of values as a row of characters."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["draw", "drawable"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_LETTERS = "_.:-=+*#"
_GAP = " "


def draw(values: Sequence[int | float | None], *, blocks: bool = True) -> str:
    """Return one character for each value, from the lowest to the highest; a gap for no data.

    The lowest one stands for zero, or for the least value where that is below zero: a rate that
    goes from 99 % to 98 % has not collapsed.

    Arguments:
        values: from the oldest; None where there is no data.
        blocks: draw with blocks; else with characters that every terminal has.
    """
    levels = _BLOCKS if blocks else _LETTERS
    known = [value for value in values if value is not None]
    low = min([0, *known])
    # Halved, so that the height of the greatest numbers is one.
    height = max([0, *known]) / 2 - low / 2
    top = len(levels) - 1
    return "".join(
        _GAP
        if value is None
        else levels[0 if height <= 0 else round((value / 2 - low / 2) / height * top)]
        for value in values
    )


def drawable(encoding: str | None) -> bool:
    """Tell whether an output of that encoding can show blocks."""
    try:
        _BLOCKS.encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
