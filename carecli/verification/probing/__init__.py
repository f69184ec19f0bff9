"""Plays the attacker: every function, table and view, as whoever can come, without a trace."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from carecli.errors import LockNotAvailable
from carecli.migrator.target import Target
from carecli.resources import read_sql
from carecli.verification.findings import Finding, Part
from carecli.verification.probing.attacking import Attack, open_functions
from carecli.verification.probing.attempts import PATH, Stage, scratch_transaction, watched_tables
from carecli.verification.probing.cast import CannotSeed, rehearse
from carecli.verification.probing.catalogue import read_catalogue
from carecli.verification.probing.judging import merged
from carecli.verification.probing.personas import personas
from carecli.verification.probing.tables import open_relations

__all__ = ["probe"]

CREATED = re.compile(r"create\s+(?:or\s+replace\s+)?function\s+public\.(\w+)", re.IGNORECASE)


def probe(target: Target) -> Part:
    """Attack the functions, tables and views of a database, and leave it as it was.

    Arguments:
        target: project and database.

    Returns:
        The part `probes`, with one finding for each kind of hole and object.

    Raises:
        LockNotAvailable: somebody keeps the tables locked.
    """
    started = time.monotonic()
    connection = target.connection
    row = connection.execute(read_sql("probes/session")).fetchone()
    assert row is not None
    standby, installed, roles = row
    if standby:
        return _skipped("this is a standby: nothing can be tried on it; probe its primary")
    if not installed:
        return _skipped("there is no table public.conversations_v2, hence nobody to be attacked")
    try:
        tried, findings = _attack(target, roles)
    except psycopg.errors.LockNotAvailable as error:
        raise LockNotAvailable(
            "the tables of messaging are locked, so they could not be probed",
            detail=error.diag.message_primary,
            hint="Run `carecli verify --probes` again when the other transaction has ended.",
        ) from error
    return Part("probes", tried, merged(findings), time.monotonic() - started)


def _skipped(reason: str) -> Part:
    return Part("probes", 0, (), 0.0, skipped=reason)


def _attack(target: Target, roles: list[str]) -> tuple[int, list[Finding]]:
    """Return how many attacks were tried and what they found."""
    connection = target.connection
    findings = _closed_roles(connection, roles)
    if findings:
        return 0, findings
    with scratch_transaction(connection):
        connection.execute("set local search_path = ''")
        # Reading the catalogue locks nothing, however large it is.
        connection.execute("set local statement_timeout = '60s'")
        catalogue = read_catalogue(connection, roles)
        findings += [*open_relations(catalogue), *open_functions(catalogue)]
        connection.execute("select set_config('search_path', %s, true)", [PATH])
        try:
            cast = rehearse(connection, catalogue)
        except CannotSeed as error:
            return 0, [*findings, _unseeded(str(error))]
    stage = Stage(connection, cast, watched_tables(catalogue))
    attack = Attack(stage, catalogue, personas(cast, roles), _planned(target))
    findings += attack.run()
    return attack.tried, findings


def _closed_roles(connection: psycopg.Connection, roles: list[str]) -> list[Finding]:
    """Return the roles as which the migrating role may not act."""
    found = []
    for role in roles:
        try:
            with scratch_transaction(connection):
                connection.execute(SQL("set local role {}").format(Identifier(role)))
        except psycopg.errors.InsufficientPrivilege:
            who = connection.info.user
            detail = f"{who} may not act as {role}, so nothing could be probed"
            found.append(Finding("set_role", "error", f"role {role}", detail, _grant(role, who)))
    return found


def _grant(role: str, member: str) -> str:
    return f"grant {role} to {member}; or verify as a role that has it"


def _unseeded(reason: str) -> Finding:
    return Finding(
        "seed",
        "warning",
        "table public.conversations_v2",
        f"no victims could be made, so nothing was attacked: {reason}",
        "verify as the owner of the tables, or on a copy of the database",
    )


def _planned(target: Target) -> frozenset[str]:
    """Return the names of the functions of schema `public` that the plan's scripts make."""
    project = target.project
    scripts: set[Path] = {project.deploy_file(change) for change in project.plan.changes}
    return frozenset(
        name
        for script in scripts
        if script.is_file()
        for name in CREATED.findall(script.read_text(encoding="utf-8", errors="replace"))
    )
