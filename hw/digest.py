"""What engines are made by: a digest of all sources that their RTL may depend on."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "generator_digest"]

ROOT = Path(__file__).resolve().parents[1]
"""Where our packages are."""
_APART = {"flow", "explore"}
"""Folders of ``hw`` that measure engines, and make none."""
_CHOOSES = {"auto.py", "cost.py"}
"""Of ``sw``: what chooses an engine, and makes none."""


@cache
def generator_digest() -> str:
    """Of the sources; the same while the same configuration gives the same RTL."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "hw").rglob("*.py"), *(ROOT / "sw").rglob("*.py")]):
        if not _APART.intersection(path.relative_to(ROOT).parts) and path.name not in _CHOOSES:
            digest.update(path.read_bytes())
    return digest.hexdigest()
