"""What a backfill found, as an answer and as a file of JSON that may be larger than memory."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from carecli.backfill import Finding, Progress, Tally, Totals
from carecli.errors import CarecliError

__all__ = ["ReportFile", "summary"]


def summary(totals: Totals, tally: Tally | None, *, began: Progress) -> dict[str, Any]:
    """Return the answer of a run, for `--format json` and the report.

    Arguments:
        totals: of the comparison at the end.
        tally: of the run; None: a dry run.
        began: how the database stood before.
    """
    seconds = tally.seconds if tally else 0.0
    copied = {
        "conversation": tally.conversations
        if tally
        else totals.outcomes["conversation", "missing"],
        "message": tally.messages if tally else totals.outcomes["message", "missing"],
    }
    answer: dict[str, Any] = {
        "dry_run": tally is None,
        "started_at": datetime.fromisoformat(began.now).isoformat(),
        "resumed": tally is not None and began.resumes,
        "reconciled": totals.is_sound,
        "seconds": round(seconds, 3),
        "messages_per_second": round(tally.messages / seconds, 1) if tally and seconds else 0.0,
        "longest_wait_seconds": round(tally.longest, 6) if tally else 0.0,
        "batches": tally.batches if tally else 0,
        "batches_retried": tally.retried if tally else 0,
        "passed_over": tally.passed_over if tally else 0,
    }
    for kind, number in copied.items():
        there = totals.outcomes[kind, "copied"]
        answer[f"{kind}s"] = {
            "copied": number,
            "already_there": max(0, there - number) if tally else there,
            "skipped": {
                reason: count
                for (of, reason), count in sorted(totals.reasons.items())
                if of == kind
            },
            "newer": totals.outcomes[kind, "newer"],
            "missing": totals.outcomes[kind, "missing"] if tally else 0,
            "different": totals.outcomes[kind, "different"],
        }
    return answer


class ReportFile:
    """The report, which appears under its name when it is whole.

    Its keys are those of `summary`, and before them `findings`: an object for each row of V1 that
    V2 has not got equal, with kind, outcome, reason, id and conversation_id.

    Arguments:
        path: the file; None: no report is wanted.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._is_first = True

    def __enter__(self) -> Self:
        """Open a file beside the one that is wanted, before any work is done.

        Raises:
            CarecliError: nothing can be written there.
        """
        if self._path is not None:
            try:
                self._file = tempfile.NamedTemporaryFile(
                    "w",
                    encoding="utf-8",
                    dir=self._path.parent,
                    prefix=f".{self._path.name}.",
                    delete=False,
                )
            except OSError as error:
                raise CarecliError(
                    f"cannot write {self._path}: {error.strerror}; nothing was copied"
                ) from None
        return self

    def restart(self) -> None:
        """Forget the findings so far."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write('{\n  "findings": [')
            self._is_first = True

    def add(self, finding: Finding) -> None:
        """Write one finding."""
        if self._file is not None:
            comma = "" if self._is_first else ","
            self._is_first = False
            self._file.write(f"{comma}\n    {json.dumps(finding._asdict())}")

    def finish(self, answer: dict[str, Any]) -> None:
        """Write the rest, and give the file its name.

        Arguments:
            answer: what `summary` returned.
        """
        if self._file is None or self._path is None:
            return
        rest = json.dumps(answer, indent=2, ensure_ascii=False)
        self._file.write(f"{'' if self._is_first else chr(10) + '  '}],{rest[1:]}\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        temporary = Path(self._file.name)
        # Whom it tells about whose conversations is for its owner to decide.
        temporary.chmod(0o600)
        temporary.replace(self._path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the unfinished file away."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
