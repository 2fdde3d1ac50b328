"""Blocks of the engine: one a file, each a component with streams in and out."""
