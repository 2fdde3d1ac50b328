"""Running the other generators: scripts, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hw.flow import FlowError, MissingToolError

__all__ = ["ROOT", "PeerError", "peer_version", "run_script"]

ROOT = Path(__file__).parents[1]
_LOG_TAIL = 12


class PeerError(FlowError):
    """Another generator did not do it; the message ends its log."""


def peer_version(package: str) -> str:
    """The installed version of another generator.

    Raises
    ------
    MissingToolError
        If it is not installed.
    """
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise MissingToolError(
            f"{package} is not installed: `make bench` sets it up, "
            "or `pip install -r requirements-bench.lock`"
        ) from error


def run_script(script: Path, arguments: Sequence[str | Path], *, timeout: float) -> None:
    """Run a script that imports another generator.

    Raises
    ------
    PeerError
        If it fails or takes longer than ``timeout`` seconds.
    """
    try:
        # Isolated: neither its folder nor ours is a place to import from.
        done = subprocess.run(
            [sys.executable, "-I", script, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{script.name}: not done in {timeout:.0f} s") from error
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-_LOG_TAIL:])
        raise PeerError(f"{script.name} failed:\n{tail}")
