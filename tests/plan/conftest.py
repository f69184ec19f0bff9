"""Stock sqitch as the judge of plans: the program, and its own parser as a service."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ORACLE = Path(__file__).parent / "oracle.pl"


class Oracle:
    """Asks sqitch's own parser what it makes of a plan.

    Arguments:
        process: a running `oracle.pl`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, text: str, references: Sequence[str] = ()) -> dict[str, Any]:
        """Return the plan as sqitch reads it, or its error under `error`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"plan": text, "references": references}), file=self.process.stdin)
        line = self.process.stdout.readline()
        assert line, "sqitch's parser went away"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Give sqitch's parser, in a process that lives as long as the tests."""
    folder = tmp_path_factory.mktemp("oracle")
    settings = {name: str(folder / "none") for name in ("SQITCH_USER_CONFIG", "SQITCH_CONFIG")}
    with (folder / "messages").open("w") as messages:
        process = subprocess.Popen(
            ["perl", str(ORACLE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder), **settings},
            encoding="utf-8",
            bufsize=1,
        )
        service = Oracle(process)
        answer = service("%project=probe\n\n")
        if answer.get("project") != "probe":
            pytest.fail(f"sqitch's parser does not work (apt install sqitch): {answer}")
        yield service
        process.stdin.close()  # type: ignore[union-attr]
        process.wait(timeout=30)
        process.stdout.close()  # type: ignore[union-attr]
