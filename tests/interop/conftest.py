"""A project with a bit of everything that plans and scripts can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.sqitch import PlanWriter

PLAN = r"""
schema # Everything goes here.
people/tables [schema] # Two lines:\nthis is the second one, with "quotes", 'single' ones and é.
@v1.0 # First.
@v1.0.1 # Several tags on one change.
orders.v2 [people/tables@v1.0 !audit] # A name with a dot, a requirement across a tag.
index [orders.v2] # Runs outside of a transaction.
@v1.1
people/tables [people/tables@v1.1] # Reworked.
audit [people/tables orders.v2@v1.1 !billing:invoices !billing:@v9]
"""

SCRIPTS = {
    "deploy/schema.sql": "begin;\ncreate schema app;\ncommit;\n",
    "revert/schema.sql": "begin;\ndrop schema app;\ncommit;\n",
    "verify/schema.sql": "begin;\nselect 1/count(*) from pg_namespace where nspname = 'app';\n"
    "rollback;\n",
    "deploy/people/tables@v1.1.sql": "create table app.people (id int primary key);\n"
    "create function app.one() returns int language sql as $body$ select 1; $body$\n",
    "revert/people/tables@v1.1.sql": "drop function app.one();\ndrop table app.people\n",
    "verify/people/tables@v1.1.sql": "select id from app.people where false;\n",
    "deploy/people/tables.sql": "BEGIN;\nalter table app.people add name text;\nCOMMIT;\n",
    "revert/people/tables.sql": "BEGIN;\nalter table app.people drop name;\nCOMMIT;\n",
    "verify/people/tables.sql": "BEGIN;\nselect id, name from app.people where false;\nROLLBACK;\n",
    "deploy/orders.v2.sql": "set search_path = app;\ncreate table orders (id int, note text);\n"
    "copy orders from stdin;\n1\ta;b\n2\t$x$\n\\.\n",
    "revert/orders.v2.sql": "drop table app.orders;\n",
    "verify/orders.v2.sql": "select 1 / (count(*) = 2)::int from app.orders;\n",
    "deploy/index.sql": "create index concurrently orders_id on app.orders (id);\n",
    "revert/index.sql": "drop index concurrently app.orders_id;\n",
    "deploy/audit.sql": "-- Nothing to do.\n",
    "revert/audit.sql": "",
    "verify/audit.sql": "select 1;\n",
}


@pytest.fixture
def everything(write_project: PlanWriter) -> Path:
    """Give the folder of a project of six changes; `index` has no verify script."""
    return write_project(PLAN, SCRIPTS, pragmas="%uri=https://example.com/shop/\n")
