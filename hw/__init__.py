"""Amaranth: what becomes gates. Knows sw.spec, sw.config, sw.numeric and sw.templates only."""
