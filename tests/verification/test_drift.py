"""Each kind of object is compared with the plan's; what differs is shown and can be mended."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carecli.resources import data_directory
from carecli.verification import Finding
from carecli.verification.drift import Plan, compare, read_catalogue
from tests.plugins.databases import TestDatabase, cloned
from tests.plugins.drift import mend
from tests.plugins.postgres import TestServer

MUTATIONS = tomllib.loads((Path(__file__).parent / "drift.toml").read_text())

MANY = """
drop function public.send_message_v2(uuid, uuid, text);
drop function messaging.http_status(text) cascade;
alter table public.messages_v2 drop column content cascade;
create function public.stray() returns trigger language plpgsql as 'begin end';
create trigger stray before insert on public.conversations_v2 execute function public.stray();
create type messaging.mood as enum ('good');
create function messaging.stray() returns messaging.mood language sql return 'good'::messaging.mood;
create view messaging.stray as select messaging.stray();
alter table public.conversations_v2 drop constraint conversations_v2_pkey cascade;
alter table public.conversations_v2 add constraint other_pkey primary key (id);
"""


@dataclass(slots=True)
class Workbench:
    """A database that tests change and mend; one that was left unmended is thrown away.

    Arguments:
        make: gives a new database.
        plan: what the plan makes.
    """

    make: Callable[[], AbstractContextManager[TestDatabase]]
    plan: Plan
    _stack: ExitStack = field(default_factory=ExitStack)
    _sound: TestDatabase | None = None

    @contextmanager
    def database(self) -> Iterator[TestDatabase]:
        """Give the database, for a block that leaves it sound or fails."""
        if self._sound is None:
            self._stack.close()
            self._sound = self._stack.enter_context(self.make())
        database, self._sound = self._sound, None
        yield database
        self._sound = database

    def find(self, database: TestDatabase) -> list[Finding]:
        """Return what differs."""
        with database.connect() as connection:
            return compare(self.plan, read_catalogue(connection))

    def close(self) -> None:
        """Drop the database."""
        self._stack.close()


@pytest.fixture(scope="module")
def workbench(
    server: TestServer, migrated_template: str, new_name: Callable[[], str], our_plan: Plan
) -> Iterator[Workbench]:
    """Give the database that tests change and mend."""
    made = Workbench(
        lambda: contextmanager(cloned)(server, new_name(), migrated_template), our_plan
    )
    yield made
    made.close()


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_found_and_mended(workbench: Workbench, name: str) -> None:
    """What was changed by hand is one finding, with a diff, and its remedy undoes the change."""
    with workbench.database() as database:
        database.execute(MUTATIONS[name]["sql"])
        (finding,) = workbench.find(database)
        assert finding.check == MUTATIONS[name]["check"]
        assert finding.object.startswith(MUTATIONS[name]["object"])
        assert "\n--- plan\n+++ database\n@@" in finding.detail
        mend(database, [finding])
        assert workbench.find(database) == []


def test_each_kind_has_a_mutation() -> None:
    """A new file of sql/catalogue comes with something to find by it."""
    files = (data_directory("sql") / "catalogue").glob("*.sql")
    kinds = {path.stem.partition("_")[2] for path in files}
    found = {mutation["check"].removeprefix("drift_") for mutation in MUTATIONS.values()}
    # The first has a test of its own; a column of a view differs by its comment alone; our plan
    # makes no publication.
    assert kinds - found == {"schemas", "attributes", "publications", "publication_schemas"}


def test_schema_comes_back(workbench: Workbench) -> None:
    """The remedy of a schema that is gone makes all that was in it, in an order that works."""
    with workbench.database() as database:
        database.execute("drop schema messaging cascade")
        findings = workbench.find(database)
        assert findings[0].object == "schema messaging"
        mend(database, findings)
        assert workbench.find(database) == []


def test_much_at_once(workbench: Workbench) -> None:
    """The remedies of many differences can be run in the order in which they are told."""
    with workbench.database() as database:
        database.execute(MANY)
        findings = workbench.find(database)
        assert len(findings) > 5
        mend(database, findings)
        assert workbench.find(database) == []
        database.execute("drop function public.stray()")
