"""Database-centric migrations, verification and monitoring for PostgreSQL."""

__version__ = "0.1.0"
