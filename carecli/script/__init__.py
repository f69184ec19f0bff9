"""What psql would do with a script: scan, variables, transaction bounds; pure, no database."""

from __future__ import annotations

from carecli.script.reader import Purpose, parse_script, read_script
from carecli.script.source import Location, Source
from carecli.script.statements import Batch, Script, Statement, StatementKind
from carecli.script.transactions import TransactionModes
from carecli.script.variables import quote_identifier, quote_literal

__all__ = [
    "Batch",
    "Location",
    "Purpose",
    "Script",
    "Source",
    "Statement",
    "StatementKind",
    "TransactionModes",
    "parse_script",
    "quote_identifier",
    "quote_literal",
    "read_script",
]
