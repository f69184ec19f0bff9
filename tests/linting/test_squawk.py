"""What squawk says of a script, at the place in the script that carecli would run."""

from __future__ import annotations

from pathlib import Path

from carecli.linting import ScriptFile, run_squawk
from carecli.script import Purpose

SAFE = "set lock_timeout = '1s';\nset statement_timeout = '5s';\n"
UNSAFE = "alter table public.things drop column kind;\n"


def found(folder: Path, text: str, purpose: Purpose = "deploy") -> list[tuple[str, int | None]]:
    """Return rule and line of each finding in a script of this text."""
    path = folder / "things.sql"
    path.write_text(text)
    part = run_squawk([ScriptFile(path, purpose, {"kind": "a.b", "name": "things"})])
    assert part.skipped is None
    assert all(finding.path == path and finding.remediation for finding in part.findings)
    return [(finding.check, finding.line) for finding in part.findings]


def test_unsafe_statement(tmp_path: Path) -> None:
    """Unsafe DDL is found at its line, with or without a BEGIN; what is safe is not."""
    safe = f"begin;\n{SAFE}commit;\n"
    assert found(tmp_path, safe) == []
    assert found(tmp_path, f"begin;\n{SAFE}{UNSAFE}commit;\n") == [("ban-drop-column", 4)]
    assert found(tmp_path, f"{SAFE}{UNSAFE}") == [("ban-drop-column", 3)]


def test_script_without_begin_runs_in_a_transaction(tmp_path: Path) -> None:
    """squawk is told that carecli gives a script a transaction, so it need not be repeatable."""
    assert found(tmp_path, f"{SAFE}create table public.things ();\n") == []
    alone = "-- transactional: false\n" + SAFE + "create table public.things ();\n"
    assert found(tmp_path, alone) == [("prefer-robust-stmts", 4)]


def test_revert_may_drop(tmp_path: Path) -> None:
    """What a deploy script should not drop, a revert script may; other rules hold for it too."""
    assert found(tmp_path, f"{SAFE}{UNSAFE}", "revert") == []
    assert found(tmp_path, UNSAFE, "revert") == [
        ("require-lock-timeout", 1),
        ("require-statement-timeout", 1),
    ]


def test_what_only_psql_knows(tmp_path: Path) -> None:
    r"""Variables, \set and COPY data are no faults, and move no line; comments count still."""
    text = (
        f"{SAFE}\\set x 'y'\n-- A comment.\ncopy public.things from stdin;\n1\t'\n\\.\n"
        f"insert into public.:name values (:'kind');\n{UNSAFE}"
    )
    assert found(tmp_path, text) == [("ban-drop-column", 9)]
    ignoring = text.replace("alter", "-- squawk-ignore ban-drop-column\nalter")
    assert found(tmp_path, ignoring) == []


def test_verify_scripts_are_left_out(tmp_path: Path) -> None:
    """A verify script is rolled back, so nothing in it is unsafe."""
    assert found(tmp_path, UNSAFE, "verify") == []


def test_script_that_cannot_be_read(tmp_path: Path) -> None:
    """A script that carecli would not run is told once: here, unless another part does so."""
    path = tmp_path / "things.sql"
    path.write_text("select 1;\nselect 'open;\n")
    files = [ScriptFile(path, "deploy")]
    assert run_squawk(files).findings == ()
    [finding] = run_squawk(files, alone=True).findings
    assert (finding.check, finding.level, finding.line) == ("script", "error", 2)
