"""Amaranth: what becomes gates. Knows the descriptions in sw alone: see tests/test_imports.py."""
