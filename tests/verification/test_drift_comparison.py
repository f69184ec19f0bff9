"""The comparison of two catalogues, which needs no database."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from carecli.verification.drift import Catalogue, Entry, Plan, compare, owned_alike, planned

# A small schema: each object, and the one that it belongs to.
PARENTS = {
    "schema ours": None,
    "table ours.one": "schema ours",
    "column ours.one.a": "table ours.one",
    "default of ours.one.a": "column ours.one.a",
    "policy p on ours.one": "table ours.one",
    "comment on policy p on ours.one": "policy p on ours.one",
    "function ours.f()": "schema ours",
    "privileges of anon on function ours.f()": "function ours.f()",
}


def entry(name: str, definition: str = "as planned", **more: object) -> Entry:
    """Return an object that is made and dropped by naming it."""
    made = Entry("things", name, PARENTS.get(name), definition, f"create {name};", f"drop {name};")
    return replace(made, **more)  # type: ignore[arg-type]


def catalogue(*entries: Entry) -> Catalogue:
    """Return objects by their names."""
    return {item.object: item for item in entries}


WHOLE = catalogue(*map(entry, PARENTS))


def lineage(name: str | None) -> list[str]:
    """Return an object and all that it belongs to."""
    return [] if name is None else [name, *lineage(PARENTS[name])]


def branch(name: str) -> set[str]:
    """Return an object and all that belongs to it."""
    return {other for other in PARENTS if name in lineage(other)}


names = st.sampled_from(sorted(PARENTS))


@given(st.sets(names))
def test_missing_objects(gone: set[str]) -> None:
    """What is gone is found once: by the finding of the outermost object that is gone."""
    dropped = set[str]().union(*map(branch, gone))
    left = {name: item for name, item in WHOLE.items() if name not in dropped}
    findings = compare(Plan(WHOLE), left)
    assert {item.object for item in findings} == {
        name for name in dropped if PARENTS[name] not in dropped
    }
    made = "\n".join(item.remediation for item in findings)
    assert all(made.count(f"create {name};") == (name in dropped) for name in PARENTS)


@given(st.sets(names))
def test_unknown_objects(unknown: set[str]) -> None:
    """What the plan does not have is found once, in or on what it has, and nowhere else."""
    strange = set[str]().union(*map(branch, unknown))
    known = {name: item for name, item in WHOLE.items() if name not in strange}
    outermost = {name for name in strange if PARENTS[name] in known}
    findings = compare(Plan(known), WHOLE)
    assert {item.object for item in findings} == outermost
    assert {item.remediation for item in findings} == {f"drop {name};" for name in outermost}


@given(names)
def test_object_that_is_made_anew(name: str) -> None:
    """What has to be dropped to be mended comes back with all that belongs to it."""
    findings = compare(Plan(WHOLE), {**WHOLE, name: entry(name, "by hand")})
    (finding,) = findings
    assert finding.remediation.startswith(f"drop {name};\ncreate {name};")
    assert all(f"create {part};" in finding.remediation for part in branch(name))


@given(names, st.text(), st.text())
def test_definitions(name: str, planned_text: str, present_text: str) -> None:
    """Whatever definitions say, an object is found where they differ, and only there."""
    plan = Plan({**WHOLE, name: entry(name, planned_text)})
    found = compare(plan, {**WHOLE, name: entry(name, present_text)})
    assert [item.object for item in found] == [name] * (planned_text != present_text)


def test_replacement_leaves_the_rest_alone() -> None:
    """What can be replaced in place is, and what belongs to it is still compared."""
    name = "function ours.f()"
    mended = entry(name, replacement="replace it;", shape="same")
    part = "privileges of anon on function ours.f()"
    actual = {**WHOLE, name: replace(mended, definition="x"), part: entry(part, "x")}
    function, privileges = compare(Plan({**WHOLE, name: mended}), actual)
    assert function.remediation == "replace it;"
    assert privileges.object == part


def test_inline_part_is_made_by_its_parent() -> None:
    """What the creation of an object makes with it is not made once more, but what is on it is."""
    column = entry("column ours.one.a", inline=True)
    plan = Plan({**WHOLE, column.object: column})
    left = {name: WHOLE[name] for name in PARENTS if name not in branch("table ours.one")}
    (finding,) = compare(plan, left)
    assert "create column" not in finding.remediation
    assert "create default of ours.one.a;" in finding.remediation


def test_revoked_by_the_plan() -> None:
    """What was there before the plan, and is not after it, is found where it is there."""
    door = entry("privileges of public on schema public")
    plan = planned(catalogue(door), WHOLE)
    assert [item.object for item in compare(plan, {**WHOLE, door.object: door})] == [door.object]


def test_registry_is_not_of_the_plan() -> None:
    """What came with the deployment but is the tool's own is left out, with its contents."""
    plan = planned({}, WHOLE, without="table ours.one")
    assert plan.made.keys() == PARENTS.keys() - branch("table ours.one")


def owner(of: str, role: str) -> Entry:
    """Return the ownership of an object."""
    statement = f"alter {of} owner to {role};"
    return Entry("owners", f"owner of {of}", of, role, statement, None, statement, role=role)


def test_deployed_by_another_role() -> None:
    """The role that owns most is the one that deployed; what another one owns differs."""
    things = ("function a()", "function b()", "function c()")
    plan = Plan(catalogue(*(owner(thing, "builder") for thing in things)))
    roles = zip(things, ("them", "them", "me"), strict=True)
    actual = catalogue(*(owner(*pair) for pair in roles))
    (finding,) = compare(owned_alike(plan, "builder", actual), actual)
    assert finding.object == "owner of function c()"
    assert finding.remediation == "alter function c() owner to them;"


def test_partition_is_as_the_plans() -> None:
    """A partition that the plan does not know is compared with one that it has made."""
    expected = _partition("ours.day_1", "anon")
    alike, other = _partition("ours.day_2", "anon"), _partition("ours.day_3", "public")
    (missing,) = compare(Plan(expected), {**alike, **other})
    assert missing.object == "privileges of anon on table ours.day_3"


def _partition(name: str, role: str) -> Catalogue:
    table = Entry("tables", f"table {name}", "schema ours", partition_of="table ours.days")
    given = f"privileges of {role} on {table.object}"
    return catalogue(
        table, Entry("table_privileges", given, table.object, partition_of="table ours.days")
    )


def test_composite_type_keeps_its_order() -> None:
    """Attributes behind the first one that differs are dropped and added again, in order."""
    planned_type, present_type = (
        Entry("types", "type t", None, text, f"create type t as ({text});", "drop type t;")
        for text in ("a text\nb text\nc text", "a text\nc text\nd text")
    )
    (finding,) = compare(Plan(catalogue(planned_type)), catalogue(present_type))
    assert finding.remediation.splitlines() == [
        "alter type t drop attribute c;",
        "alter type t drop attribute d;",
        "alter type t add attribute b text;",
        "alter type t add attribute c text;",
    ]


def privileges(*lines: str) -> Entry:
    """Return what a role may do with a table."""
    name = "privileges of r on table t"
    removal = "revoke all on table t from r;"
    return Entry("table_privileges", name, "table t", "\n".join(lines), "grant;", removal)


def test_privileges_are_mended_one_by_one() -> None:
    """Only what is too much is revoked; a column's privilege that goes with it is given again."""
    wanted = privileges("select", "trigger with grant option", "update (a)")
    present = privileges("insert", "select with grant option", "update", "update (a)")
    (finding,) = compare(Plan(catalogue(wanted)), catalogue(present))
    assert finding.remediation.splitlines() == [
        "revoke insert on table t from r;",
        "revoke grant option for select on table t from r;",
        "revoke update on table t from r;",
        "grant trigger on table t to r with grant option;",
        "grant update (a) on table t to r;",
    ]


def test_attribute_is_its_types() -> None:
    """An attribute that is missing is found by its type and by its comment, not once more."""
    kind = Entry("types", "type t", None, "a text\nb text", "create type t as (a text, b text);")
    attribute = Entry("attributes", "column t.b", kind.object, inline=True)
    comment = Entry("comments", "comment on column t.b", attribute.object, "B.", "comment;")
    plan = Plan(catalogue(kind, attribute, comment))
    findings = compare(plan, catalogue(replace(kind, definition="a text")))
    assert [item.object for item in findings] == [kind.object, comment.object]
