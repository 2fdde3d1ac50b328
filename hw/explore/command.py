"""Our commands: run as processes that end with us, whatever ends us; and what they are told."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from hw.digest import ROOT
from sw.cores import CORES

__all__ = ["CommandError", "positive", "run_command"]

_SHOWN = 300
# A worker that is killed ends nothing; so what it started looks whether it is still there.
_GUARDED = """\
import os, runpy, signal, sys, threading, time
def guard():
    while os.getppid() == {parent}:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=guard, daemon=True).start()
sys.path.insert(0, {root!r})
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class CommandError(Exception):
    """A command failed or took too long; the message is its last line, or says so."""


def run_command(module: str, arguments: Sequence[str], *, timeout: float) -> float:
    """``python -m module arguments``, in the folder that we are in; returns its seconds.

    It gets one core, as a worker has.

    Parameters
    ----------
    module : str
    arguments : sequence of str
    timeout : float
        Seconds, after which it and all that it started are killed.

    Raises
    ------
    CommandError
        If its status is not 0.
    """
    code = _GUARDED.format(parent=os.getpid(), root=str(ROOT))
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-c", code, module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            env=os.environ | {CORES: "1"},
        )
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise CommandError(f"{module}: took longer than {timeout:g} seconds") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if status:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            reason = lines[-1].strip()[:_SHOWN] if lines else f"exit status {status}"
            raise CommandError(f"{module}: {reason}")
    return time.monotonic() - began


def positive(text: str) -> int:
    """A whole number of a command line, 1 or more."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)
