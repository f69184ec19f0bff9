"""The rollout of messaging V2: its flag, the gates between its phases, and its guard."""

from __future__ import annotations

from carecli.rollout.flag import (
    CHANGE,
    PROJECT,
    Strategy,
    find_problem,
    parse_strategy,
    read_rollout,
    set_rollout,
    shown,
)
from carecli.rollout.gates import advance_rollout, gate_lines, read_gate
from carecli.rollout.guarding import Look, failed_look, keep_guard, look_once, roll_up

__all__ = [
    "CHANGE",
    "PROJECT",
    "Look",
    "Strategy",
    "advance_rollout",
    "failed_look",
    "find_problem",
    "gate_lines",
    "keep_guard",
    "look_once",
    "parse_strategy",
    "read_gate",
    "read_rollout",
    "roll_up",
    "set_rollout",
    "shown",
]
