"""Tests of carecli; they mirror the package, and `sql/` for what the database does."""
