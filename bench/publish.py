"""Reports that are committed, and the documents that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sw.cli import write_files, write_json

__all__ = ["publish"]


def publish(report: object, committed: Path, documents: Mapping[Path, str]) -> None:
    """Write the report where it is committed, and all its documents; say which."""
    write_json(committed, report)
    for path, content in documents.items():
        write_files(path.parent, {path.name: content})
        print(path.name)
