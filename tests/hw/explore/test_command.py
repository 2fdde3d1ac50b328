"""Our commands as processes: their errors, their time, and that none outlives us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hw.explore.command import CommandError, run_command


def test_a_command_is_run_and_its_last_line_is_its_error():
    assert run_command("sw.reference", ["--help"], timeout=60) > 0
    arguments = ["--config", "nothing", "--images", "x", "--out", "y"]
    with pytest.raises(CommandError, match=r"sw\.reference: .*unknown configuration 'nothing'"):
        run_command("sw.reference", arguments, timeout=60)


def module(folder, text):
    """A module that may be run."""
    (folder / "sleeper.py").write_text(text)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


SLEEPER = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pids(file):
    return [int(word) for word in file.read_text().split()] if file.exists() else []


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", module(tmp_path, SLEEPER)["PYTHONPATH"])
    file = tmp_path / "pids"
    with pytest.raises(CommandError, match="sleeper: took longer than 3 seconds"):
        run_command("sleeper", [str(file)], timeout=3)
    assert len(pids(file)) == 2
    wait_for(lambda: not any(map(alive, pids(file))))


def test_a_command_ends_when_we_are_killed(tmp_path):
    file = tmp_path / "pids"
    code = "import sys; from hw.explore.command import run_command; "
    code += "run_command('sleeper', [sys.argv[1]], timeout=600)"
    us = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], env=os.environ | module(tmp_path, SLEEPER)
    )
    wait_for(lambda: len(pids(file)) == 2)
    us.send_signal(signal.SIGKILL)
    us.wait()
    wait_for(lambda: not any(map(alive, pids(file))))


def test_a_command_is_told_to_take_one_core(tmp_path, monkeypatch):
    told = tmp_path / "told"
    text = (
        f"import pathlib, sw.cores; pathlib.Path({str(told)!r}).write_text(str(sw.cores.cores()))"
    )
    monkeypatch.setenv("PYTHONPATH", module(tmp_path, text)["PYTHONPATH"])
    run_command("sleeper", [], timeout=60)
    assert told.read_text() == "1"
