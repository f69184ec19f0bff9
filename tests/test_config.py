"""Where settings come from, and who the user is."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from carecli.config import Config, Identity, identity
from carecli.errors import InvalidUsage, SourceError

NOBODY = {"HOME": "/nonexistent", "SQITCH_SYSTEM_CONFIG": "/nonexistent"}


def write(path: Path, text: str) -> Path:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nearer_files_win(tmp_path: Path) -> None:
    """The project's file wins over the user's, and that over the system's."""
    system = write(tmp_path / "system.conf", "[a]\none = system\ntwo = system\nthree = system\n")
    home = tmp_path / "home"
    write(home / ".sqitch/sqitch.conf", "[a]\ntwo = user\nthree = user\n")
    write(tmp_path / "project/sqitch.conf", "[a]\nthree = local\n")
    config = Config.load(
        tmp_path / "project", {"HOME": str(home), "SQITCH_SYSTEM_CONFIG": str(system)}
    )
    assert [config.get(f"a.{name}") for name in ("one", "two", "three")] == [
        "system", "user", "local",
    ]  # fmt: skip


def test_environment_names_the_files(tmp_path: Path) -> None:
    """SQITCH_CONFIG and SQITCH_USER_CONFIG replace the usual files."""
    write(tmp_path / "sqitch.conf", "[a]\none = usual\n")
    local = write(tmp_path / "other.conf", "[a]\none = other\n")
    user = write(tmp_path / "user.conf", "[a]\ntwo = user\n")
    config = Config.load(
        tmp_path, {**NOBODY, "SQITCH_CONFIG": str(local), "SQITCH_USER_CONFIG": str(user)}
    )
    assert (config.get("a.one"), config.get("a.two")) == ("other", "user")
    assert config.path == local


def test_parents_are_searched(tmp_path: Path) -> None:
    """A project's file may be in a folder above, and only the nearest one counts."""
    write(tmp_path / "sqitch.conf", "[a]\none = far\ntwo = far\n")
    write(tmp_path / "x/sqitch.conf", "[a]\none = near\n")
    (tmp_path / "x/y").mkdir()
    config = Config.load(tmp_path / "x/y", NOBODY)
    assert (config.get("a.one"), config.get("a.two")) == ("near", None)


def test_nothing_is_fine(tmp_path: Path) -> None:
    """Without any file there are no settings."""
    config = Config.load(tmp_path, NOBODY)
    assert list(config) == []
    assert config.get("core.engine") is None
    assert config.get("core.engine", "pg") == "pg"


def test_keys_are_matched_as_git_does(tmp_path: Path) -> None:
    """Section and name are matched without case, what is between them with it."""
    write(tmp_path / "sqitch.conf", '[Target "Prod"]\nURI = db:pg:x\n')
    config = Config.load(tmp_path, NOBODY)
    assert config.get("TARGET.Prod.uri") == "db:pg:x"
    assert config.get("target.prod.uri") is None


def test_section_keeps_the_case_of_names(tmp_path: Path) -> None:
    """A section gives its own names as written, not those of the sections inside it."""
    write(
        tmp_path / "sqitch.conf",
        '[deploy]\nverify = true\n[deploy "variables"]\nSchema = one\nuser = two\n',
    )
    config = Config.load(tmp_path, NOBODY)
    assert config.section("deploy.variables") == {"Schema": "one", "user": "two"}
    assert config.section("Deploy") == {"verify": "true"}


def test_setting_twice_is_refused(tmp_path: Path) -> None:
    """sqitch cannot choose between two values in a file, so they are named."""
    write(tmp_path / "sqitch.conf", "[core]\ntop_dir = a\ntop_dir = b\n")
    with pytest.raises(InvalidUsage, match="more than once") as caught:
        Config.load(tmp_path, NOBODY).get("core.top_dir")
    assert caught.value.detail == "lines 2, 3"


def test_included_file(tmp_path: Path) -> None:
    """include.path reads another file, relative to the one that names it."""
    write(tmp_path / "sqitch.conf", "[include]\npath = conf/more.conf\n[a]\none = 1\n")
    write(tmp_path / "conf/more.conf", "[a]\ntwo = 2\n")
    config = Config.load(tmp_path, NOBODY)
    assert (config.get("a.one"), config.get("a.two")) == ("1", "2")


def test_circle_of_includes_is_refused(tmp_path: Path) -> None:
    """A file that includes itself does not keep us for ever."""
    write(tmp_path / "sqitch.conf", "[include]\npath = sqitch.conf\n")
    with pytest.raises(InvalidUsage, match="deep"):
        Config.load(tmp_path, NOBODY)


def test_faulty_file_is_named(tmp_path: Path) -> None:
    """A file that is no git-config is refused with its path and line."""
    path = write(tmp_path / "sqitch.conf", "[core]\n\n= 1\n")
    with pytest.raises(SourceError) as caught:
        Config.load(tmp_path, NOBODY)
    assert (caught.value.path, caught.value.line) == (path, 3)


def config(tmp_path: Path, text: str = "") -> Config:
    """Return the configuration of a project with this file."""
    write(tmp_path / "sqitch.conf", text)
    return Config.load(tmp_path, NOBODY)


def test_identity_from_the_environment(tmp_path: Path) -> None:
    """SQITCH_FULLNAME and SQITCH_EMAIL win."""
    environment = {"SQITCH_FULLNAME": "Ann", "SQITCH_EMAIL": "ann@example.com"}
    found = identity(config(tmp_path, "[user]\nname = Ben\nemail = b@c.d\n"), environment)
    assert found == Identity("Ann", "ann@example.com")


def test_identity_from_the_configuration(tmp_path: Path) -> None:
    """[user] in sqitch.conf wins over what the originator's environment says."""
    environment = {"SQITCH_ORIG_FULLNAME": "Ann", "SQITCH_ORIG_EMAIL": "ann@example.com"}
    found = identity(config(tmp_path, "[user]\nname = Ben\nemail = b@c.d\n"), environment)
    assert found == Identity("Ben", "b@c.d")


def test_identity_of_the_originator(tmp_path: Path) -> None:
    """The SQITCH_ORIG_ variables tell who is at the other end."""
    environment = {"SQITCH_ORIG_FULLNAME": "Ann", "SQITCH_ORIG_EMAIL": "ann@example.com"}
    assert identity(config(tmp_path), environment) == Identity("Ann", "ann@example.com")


def test_identity_from_the_system(tmp_path: Path) -> None:
    """Failing all, the account's full name, and its name at this host."""
    account = pwd.getpwuid(os.getuid())
    found = identity(config(tmp_path), {"SQITCH_ORIG_SYSUSER": account.pw_name})
    assert found.name == account.pw_gecos.partition(",")[0] or account.pw_name
    assert found.email == f"{account.pw_name}@{socket.gethostname()}"


@pytest.mark.parametrize(
    "environment",
    [
        {"SQITCH_FULLNAME": "[Ann", "SQITCH_EMAIL": "a@b.c"},
        {"SQITCH_FULLNAME": "Ann <x", "SQITCH_EMAIL": "a@b.c"},
        {"SQITCH_FULLNAME": "Ann", "SQITCH_EMAIL": "a>b"},
    ],
)
def test_identity_that_a_plan_cannot_hold(tmp_path: Path, environment: dict[str, str]) -> None:
    """A name or address that would break the plan's line is refused."""
    with pytest.raises(InvalidUsage, match="does not fit into a plan"):
        identity(config(tmp_path), environment)
