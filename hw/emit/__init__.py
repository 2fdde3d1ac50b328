"""The register table for people and tools: one format a file, each ``emit(map) -> str``."""
