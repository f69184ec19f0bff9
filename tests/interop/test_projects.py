"""What real sqitch projects do, done by both tools with the same outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.sqitch import PlanWriter, Tools, catalogue, registry_rows

pytestmark = [pytest.mark.peer("sqitch"), pytest.mark.peer("psql"), pytest.mark.slow]

PG = "[core]\n\tengine = pg\n"


class Pair:
    """Runs a project with both tools, each in a database of its own, and compares."""

    def __init__(self, tools: Tools, theirs: TestDatabase, ours: TestDatabase) -> None:
        self.tools, self.theirs, self.ours = tools, theirs, ours

    def deploy(self, project: Path, *options: str, registry: str = "sqitch") -> None:
        """Deploy with both; the registries and the schemas must be the same."""
        self.tools.sqitch.deploy(project, self.theirs, *options)
        self.tools.carecli.deploy(project, self.ours, *options)
        self.compare(registry)

    def compare(self, registry: str = "sqitch") -> None:
        """Compare the registries and the schemas."""
        assert registry_rows(self.ours, registry) == registry_rows(self.theirs, registry)
        assert catalogue(self.ours) == catalogue(self.theirs)

    def fail(self, project: Path, *, code: int = 1) -> str:
        """Deploy with both; both must fail, with the same rows; return what carecli says.

        sqitch registers a project before it refuses it, carecli does not.
        """
        self.tools.sqitch.deploy(project, self.theirs, check=2)
        done = self.tools.carecli.deploy(project, self.ours, check=code)
        expected = registry_rows(self.theirs)
        if self.ours.execute("select to_regnamespace('sqitch') is not null") == [(True,)]:
            assert registry_rows(self.ours) | {"projects": []} == expected | {"projects": []}
        else:
            assert expected["events"] == []
        return done.stderr


@pytest.fixture
def pair(tools: Tools, empty_database: TestDatabase, other_database: TestDatabase) -> Pair:
    """Give both tools with a database each."""
    return Pair(tools, empty_database, other_database)


def scripts(*names: str, **deploy: str) -> dict[str, str]:
    """Return deploy and revert scripts that make and drop a table for each name."""
    found = {}
    for name in names:
        found[f"deploy/{name}.sql"] = f'create table "{name}" ();\n'
        found[f"revert/{name}.sql"] = f'drop table "{name}";\n'
    for name, text in deploy.items():
        found[f"deploy/{name}.sql"] = text
        found.setdefault(f"revert/{name}.sql", "select 1;\n")
    return found


def test_shapes_of_plans(pair: Pair, write_project: PlanWriter) -> None:
    """A beta's syntax version, no URI, a name with a slash, a note without a space before it."""
    project = write_project("one\ntwo.x", scripts("one", "two.x"), folder="a")
    plan = (project / "sqitch.plan").read_text()
    plan = plan.replace("1.0.0", "1.0.0-b2").replace("=shop", "=big/shop")
    plan = plan.replace("com> \n", "com>#close\n").replace("com>\n", "com># close\n")
    assert ">#" in plan
    (project / "sqitch.plan").write_text(plan)
    pair.deploy(project)
    assert registry_rows(pair.ours)["projects"][0]["project"] == "big/shop"


def test_shapes_of_scripts(pair: Pair, write_project: PlanWriter) -> None:
    """Dollar quotes, an atomic body, inline data, an empty script, a lone statement."""
    project = write_project(
        "quotes\natomic\ndata\nempty\nlone",
        scripts(
            quotes="create function q() returns text language sql as $a$ select $$;$$ || ';' $a$;",
            atomic="create function a() returns int language sql begin atomic; select 1; end;",
            data="begin;create table d (a text);\ncopy d from stdin;\n;\n'\n\\.\ncommit;",
            empty="",
            lone="/* ; */ create table l (a text default ';') -- ;",
        ),
    )
    pair.deploy(project)
    rows = "select a from d order by a"
    assert pair.ours.execute(rows) == pair.theirs.execute(rows) == [("'",), (";",)]


def test_variables(pair: Pair, write_project: PlanWriter) -> None:
    """Variables of the configuration and the command line, in all forms, and built-in ones."""
    project = write_project(
        "one",
        scripts(
            one="""create table :"name" (a text default :'text', b int default :number);
            create table rest (a text default ':number', b text default $$:'text'$$,
                c boolean, d text default :'registry');
            insert into :"name" default values;
            insert into rest (c) values (:'DBNAME' = current_database());"""
        ),
        conf=PG + '[core "variables"]\n\tnumber = 1\n\tname = core\n'
        '[deploy "variables"]\n\tnumber = 2\n\tname = In Deploy\n\ttext = config\n',
    )
    pair.deploy(project, "--set", 'text=it\'s \\ "quoted"')
    for query in ('select * from "In Deploy"', "select * from rest"):
        assert pair.ours.execute(query) == pair.theirs.execute(query)


DEPENDING = "billing:invoices billing:@v1 billing:invoices@v1 billing:pay@HEAD billing:@HEAD"


def test_dependencies_on_another_project(pair: Pair, write_project: PlanWriter) -> None:
    """They are recorded with the ids that they mean, and keep the other from leaving."""
    shop = write_project(f"one [{DEPENDING} billing:@ROOT]", scripts("one"))
    billing = write_project("invoices\n@v1\npay", scripts("invoices", "pay"), name="billing")
    pair.deploy(billing)
    pair.deploy(shop)
    assert len(registry_rows(pair.ours)["dependencies"]) == 6
    pair.tools.sqitch.revert(billing, pair.theirs, check=2)
    done = pair.tools.carecli.revert(billing, pair.ours, check=5)
    assert "shop:one requires invoices" in done.stderr
    pair.compare()


@pytest.mark.parametrize("missing", ["billing:pay", "billing:@v2", "billing:pay@ROOT"])
def test_missing_dependency(pair: Pair, write_project: PlanWriter, missing: str) -> None:
    """What another project does not have is named, and nothing is deployed."""
    pair.deploy(write_project("invoices\n@v1", scripts("invoices"), name="billing"))
    shop = write_project(f"one [billing:invoices {missing}]", scripts("one"))
    assert f"one requires {missing}, which is not there" in pair.fail(shop, code=5)


def test_conflict_with_another_project(pair: Pair, write_project: PlanWriter) -> None:
    """A change that conflicts with a deployed one of another project is refused by both."""
    pair.deploy(write_project("invoices", scripts("invoices"), name="billing"))
    shop = write_project("one [!billing:invoices]", scripts("one"))
    assert "conflicts with billing:invoices" in pair.fail(shop, code=5)


def test_conflict_with_nothing(pair: Pair, write_project: PlanWriter) -> None:
    """A conflict with a change that the plan does not have is refused by both."""
    assert "nothing" in pair.fail(write_project("one [!nothing]", scripts("one")), code=5)


def test_folders(pair: Pair, write_project: PlanWriter) -> None:
    """`top_dir`, `plan_file` and folders of their own for scripts."""
    conf = PG + "\ttop_dir = db\n\tplan_file = plans/shop.plan\n\tdeploy_dir = up\n"
    project = write_project("one", {"up/one.sql": "create table one ();"}, conf=conf)
    write_project.write(project, "db/revert/one.sql", "drop table one;")
    (project / "plans").mkdir()
    (project / "sqitch.plan").rename(project / "plans/shop.plan")
    pair.deploy(project)
    pair.tools.carecli.revert(project, pair.theirs)
    pair.tools.sqitch.revert(project, pair.ours)
    pair.compare()


def test_several_plans_in_one_database(pair: Pair, write_project: PlanWriter) -> None:
    """`--plan-file` chooses among plans that share a folder and a database."""
    project = write_project("one", scripts("one", "two"))
    other = write_project("two", {}, name="other")
    (other / "sqitch.plan").rename(project / "other.plan")
    pair.deploy(project)
    pair.deploy(project, "--plan-file", "other.plan")
    assert [row["project"] for row in registry_rows(pair.ours)["changes"]] == ["shop", "other"]


@pytest.mark.parametrize(
    "conf",
    [
        PG + "\tregistry = My Meta\n",
        PG + '[engine "pg"]\n\tregistry = My Meta\n',
        PG + '[target "here"]\n\tregistry = My Meta\n\turi = {uri}\n',
    ],
    ids=["core", "engine", "target"],
)
def test_another_registry(
    tools: Tools, write_project: PlanWriter, empty_database: TestDatabase, conf: str
) -> None:
    """The registry is in the schema that sqitch would take, whoever makes it."""
    conf = conf.format(uri=f'"{empty_database.sqitch_uri}"')
    project = write_project("one\ntwo", scripts("one", "two"), conf=conf)
    target = ("-t", "here") if "here" in conf else ()
    where = () if target else ("-d", empty_database.url)
    tools.carecli.call("migrate", "--to", "one", *target, *where, cwd=project)
    assert [row["change"] for row in registry_rows(empty_database, "My Meta")["changes"]] == ["one"]
    done = tools.sqitch.call("deploy", *(target or ("-t", empty_database.sqitch_uri)), cwd=project)
    assert done.returncode == 0, done.stderr
    assert len(registry_rows(empty_database, "My Meta")["changes"]) == 2
    assert empty_database.execute("select to_regnamespace('sqitch')") == [(None,)]


def test_registry_option_and_no_configuration(pair: Pair, write_project: PlanWriter) -> None:
    """Without a sqitch.conf a plan and a URI do; `--registry` names the schema."""
    project = write_project("one", scripts("one"), conf="")
    pair.deploy(project, "--registry", "meta", registry="meta")


def test_default_target(
    tools: Tools, write_project: PlanWriter, empty_database: TestDatabase
) -> None:
    """The target that sqitch.conf names for the engine is used where nothing else is named."""
    uri = empty_database.sqitch_uri
    conf = PG + f'[engine "pg"]\n\ttarget = here\n[target "here"]\n\turi = "{uri}"\n'
    project = write_project("one\ntwo", scripts("one", "two"), conf=conf)
    assert tools.carecli.call("migrate", "--to", "one", cwd=project).returncode == 0
    assert tools.sqitch.call("deploy", cwd=project).returncode == 0
    assert "Up to date" in tools.carecli.call("status", cwd=project).stdout


def test_failure_without_transaction(pair: Pair, write_project: PlanWriter) -> None:
    """Of a script without BEGIN psql leaves the first half behind, carecli nothing."""
    project = write_project(
        "one\ntwo", scripts("one", two="create table half ();\nselect nope;\ncreate table b ();")
    )
    assert "two.sql:2:" in pair.fail(project)
    assert pair.theirs.execute("select to_regclass('half') is null") == [(False,)]
    assert pair.ours.execute("select to_regclass('half') is null") == [(True,)]


def test_autocommitted_scripts(pair: Pair, write_project: PlanWriter) -> None:
    """A failing one leaves what sqitch leaves: the statements before the one that failed."""
    project = write_project(
        "one\ntwo",
        scripts(
            "one",
            two="create index concurrently good on one ((1));\n"
            "create unique index concurrently bad on one (missing);\n",
        ),
    )
    assert "two.sql:2:" in pair.fail(project)
    pair.compare()
    assert pair.ours.execute("select to_regclass('good') is null") == [(False,)]


def test_undo_of_an_autocommitted_script(pair: Pair, write_project: PlanWriter) -> None:
    """Where its verify script fails, the revert script takes it back."""
    files = scripts("one", two="create index concurrently good on one ((1));\n")
    files["revert/two.sql"] = "drop index concurrently good;\n"
    files["verify/two.sql"] = "select 1/0;\n"
    pair.fail(write_project("one\ntwo", files))
    pair.compare()
    assert pair.ours.execute("select to_regclass('good')") == [(None,)]


def test_create_database(pair: Pair, write_project: PlanWriter) -> None:
    """`create database` and `drop database` run outside of a transaction."""
    files = scripts(one='create database :"DBNAME_x";\n')
    files["deploy/one.sql"] = 'create database :"made";\n'
    files["revert/one.sql"] = 'drop database :"made";\n'
    project = write_project("one", files)
    for tool, database in ((pair.tools.sqitch, pair.theirs), (pair.tools.carecli, pair.ours)):
        made = f"{database.name}_made"
        found = f"select 1 from pg_database where datname = '{made}'"
        tool.deploy(project, database, "--set", f"made={made}")
        assert len(database.execute(found)) == 1
        tool.revert(project, database, "--set", f"made={made}")
        assert database.execute(found) == []


def test_missing_verify_script(pair: Pair, write_project: PlanWriter) -> None:
    """It is said, and no more."""
    project = write_project("one", scripts("one"))
    done = pair.tools.carecli.deploy(project, pair.ours)
    assert "no verify script: one" in done.stderr
    assert "no script" in pair.tools.carecli.verify(project, pair.ours).stdout
