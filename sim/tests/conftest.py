"""What the tests of the benches share: one build folder, one seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def build_dir() -> Path:
    """The folder of ``make sim``: what was built for one test, or by hand, serves all."""
    return Path(__file__).parents[2] / "build"


@pytest.fixture(scope="session")
def seed() -> int:
    """The number that repeats this run: see the ``conftest.py`` above."""
    return int(os.environ["KATAZOME_SEED"])
