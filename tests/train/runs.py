"""Tiny runs of the training command, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sw.train", *words]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command from start to end, in the repository's root."""
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    return subprocess.run(
        command(*words), capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
