"""Unsafe DDL, found by squawk (squawkhq.com): runs it and reads its JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from carecli.errors import CarecliError
from carecli.linting.files import ScriptFile
from carecli.linting.reading import script_name, unreadable
from carecli.script import Script, read_script
from carecli.verification.findings import Finding, Level, Part

__all__ = ["HOW_TO_GET_IT", "find_squawk", "run_squawk"]

HOW_TO_GET_IT = "pip install squawk-cli"
_TIMEOUT = 300  # seconds
_DROPS = "ban-drop-"  # what a revert is for


def find_squawk() -> Path | None:
    """Return the program, from PATH or from beside this Python; None where it is in neither."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("squawk", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    return Path(found) if found else None


def run_squawk(files: Sequence[ScriptFile], *, required: bool = False, alone: bool = False) -> Part:
    """Let squawk look at deploy and revert scripts; verify scripts are rolled back anyway.

    Arguments:
        files: the scripts.
        required: whether it is a finding that squawk is not installed.
        alone: whether no other part tells of scripts that carecli would not run.

    Returns:
        The part `squawk`: skipped where it is not installed, unless it is required.

    Raises:
        CarecliError: squawk ended without an answer.
    """
    begun = time.monotonic()
    program = find_squawk()
    if program is None:
        why = f"squawk is not installed; get it with: {HOW_TO_GET_IT}"
        missing = Finding("squawk", "error", "program squawk", "it is not installed", HOW_TO_GET_IT)
        return Part("squawk", 0, (missing,) if required else (), 0.0, None if required else why)
    findings: list[Finding] = []
    readable = list(_readable(files, findings if alone else []))
    with tempfile.TemporaryDirectory(prefix="carecli-lint-") as folder:
        for options, group in _groups(readable):
            named = {_shown(item, script, Path(folder)): item for item, script in group}
            for record in _ask(program, options, list(named)):
                file = named[record["file"]]
                if file.purpose != "revert" or not record["rule_name"].startswith(_DROPS):
                    findings.append(_finding(record, file))
    order = {file.path: number for number, file in enumerate(files)}
    findings.sort(key=lambda found: (order.get(found.path or Path(), 0), found.line or 0))
    return Part("squawk", len(readable), tuple(findings), time.monotonic() - begun)


def _readable(
    files: Sequence[ScriptFile], faults: list[Finding]
) -> Iterator[tuple[ScriptFile, Script]]:
    for file in files:
        if file.purpose == "verify":
            continue
        try:
            script = read_script(file.path, variables=file.variables, purpose=file.purpose)
        except CarecliError as error:
            faults.append(unreadable(file, error))
            continue
        yield file, script


def _groups(
    files: Sequence[tuple[ScriptFile, Script]],
) -> Iterator[tuple[list[str], list[tuple[ScriptFile, Script]]]]:
    """Yield scripts that squawk is to be told the same about, with what it is to be told."""
    # A script without a BEGIN runs in carecli's transaction.
    assumed = [item for item in files if item[1].transactional and item[1].opening is None]
    others = [item for item in files if item not in assumed]
    for options, group in ((["--assume-in-transaction"], assumed), ([], others)):
        if group:
            yield options, group


def _shown(file: ScriptFile, script: Script, folder: Path) -> str:
    """Return the path of what squawk can read: the file, or a copy without what only psql knows.

    Variables, meta-commands and the data of COPY are no SQL; the copy has every statement, and
    every comment, on its own line still.
    """
    text = script.text
    plain = all(
        not any(piece.substituted for piece in item.pieces) and item.copy_data is None
        for item in script.statements
    )
    if plain and not any(line.lstrip().startswith("\\") for line in text.splitlines()):
        return str(file.path)
    bounds = [item for item in (script.opening, script.closing) if item is not None]
    statements = sorted([*script.statements, *bounds], key=lambda item: item.offset)
    copy = folder / f"{len(list(folder.iterdir()))}.sql"
    lines: list[str] = []
    comments = dict(enumerate(text.split("\n"), 1))
    for item in statements:
        while len(lines) < item.line - 1:
            line = comments.get(len(lines) + 1, "").strip()
            lines.append(line if line.startswith("--") else "")
        lines += item.sql.splitlines()
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(copy)


def _ask(program: Path, options: list[str], paths: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [program, "--reporter", "json", *options, "--", *paths],
        capture_output=True,
        encoding="utf-8",
        timeout=_TIMEOUT,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, list):
        raise CarecliError(
            f"{program} gave no answer (exit code {done.returncode})",
            detail=(done.stderr or done.stdout).strip()[:2000],
            hint=f"carecli works with squawk 2: {HOW_TO_GET_IT}; --no-squawk leaves it out.",
        )
    return answer


def _finding(record: dict[str, Any], file: ScriptFile) -> Finding:
    path = file.path
    level: Level = "error" if record["level"] == "Error" else "warning"
    rule = record["rule_name"]
    remedy = record["help"] or f"see the rule {rule} in squawk's documentation"
    return Finding(
        rule, level, script_name(path), record["message"], remedy, path, record["line"] + 1
    )
