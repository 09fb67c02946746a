"""The specification, statement by statement: see ``conftest.py``."""
