"""A PostgreSQL server of carecli's own, for whoever names no database."""

from __future__ import annotations

from carecli.embedded.default import EmbeddedServer, embedded_url
from carecli.embedded.server import Server

__all__ = ["embedded_url", "EmbeddedServer", "Server"]
