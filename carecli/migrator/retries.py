"""Back-off: how often, and after how long, what did not get its lock is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psycopg

from carecli.migrator.failure import is_retriable

__all__ = ["Retries"]

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 10.0


class Retries:
    """The attempts at one transaction, or at one statement that commits by itself.

    Arguments:
        limit: how often it is tried again.
        announce: called before each wait with the number of the next attempt and the seconds.
    """

    def __init__(self, limit: int, announce: Callable[[int, float], None]) -> None:
        self._limit = limit
        self._announce = announce
        self._attempt = 0

    def again(self, error: psycopg.Error) -> bool:
        """Wait and return True where another attempt may succeed; else return False.

        Arguments:
            error: why the last attempt failed.
        """
        self._attempt += 1
        if self._attempt > self._limit or not is_retriable(error):
            return False
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (self._attempt - 1))
        delay = random.uniform(longest / 2, longest)  # noqa: S311
        self._announce(self._attempt + 1, delay)
        time.sleep(delay)
        return True
