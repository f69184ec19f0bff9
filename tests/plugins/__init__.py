"""Fixtures and options shared by all tests, one idea a pytest plugin."""
