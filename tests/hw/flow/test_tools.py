"""hw.flow.tools: missing tools, their errors, time limits, and Ctrl-C."""

import os
import signal
import threading
import time

import pytest

from hw import flow
from hw.flow import FlowError, FlowTimeoutError, MissingToolError, tools
from hw.flow.tools import NEXTPNR_ECP5, YOSYS, Run, run_all
from tests.hw.flow.common import COUNTER, ECP5, left_over


@pytest.mark.parametrize("tool", [YOSYS, NEXTPNR_ECP5], ids=lambda tool: tool.name)
def test_a_missing_tool_says_what_installs_it(tool, monkeypatch):
    monkeypatch.delenv(tool.variable, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=f"pip install {tool.package}"):
        tool.command()


def test_a_native_tool_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("YOSYS", str(tmp_path / "none"))
    with pytest.raises(MissingToolError, match="yosys does not start"):
        YOSYS.run([], folder=tmp_path, log="log")


def test_an_error_is_the_tools_own_line(tmp_path, native):
    tool = native(YOSYS, "echo working; echo 'ERROR: no such thing'; echo end; exit 1")
    with pytest.raises(FlowError, match=r"^yosys failed: ERROR: no such thing$"):
        tool.run([], folder=tmp_path, log="log")


def test_an_error_without_words(tmp_path, native):
    tool = native(YOSYS, "exit 3")
    with pytest.raises(FlowError, match=r"^yosys failed: exit status 3$"):
        tool.run([], folder=tmp_path, log="log")


@pytest.mark.parametrize(
    ("end", "said"),
    [("exit 3", "exit status 3"), ("kill -9 $$", "killed by signal 9")],
)
def test_an_end_without_an_error(end, said, tmp_path, native):
    tool = native(YOSYS, f"echo working; {end}")
    with pytest.raises(
        FlowError, match=rf"^yosys failed: {said}; the last that it said:; working$"
    ):
        tool.run([], folder=tmp_path, log="log")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = (f"/proc/{pid}/stat",)
    try:
        with open(state[0], encoding="ascii") as file:  # noqa: PTH123 - a kernel's file
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ended(pid):
    for _ in range(100):
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


SLEEPER = 'sleep 60 & echo $! > child; echo "said"; wait'


def test_when_the_time_is_up_no_child_is_left(tmp_path, native):
    tool = native(YOSYS, SLEEPER)
    with pytest.raises(FlowTimeoutError, match=r"yosys took longer than 0\.5 seconds") as late:
        tool.run([], folder=tmp_path, log="log", timeout=0.5)
    assert late.value.log.strip() == "said"
    assert ended(int((tmp_path / "child").read_text()))


def test_runs_that_never_started_are_late_too(tmp_path, native):
    tool = native(YOSYS, SLEEPER)
    runs = [Run(tool, (), folder=tmp_path, log=f"log{n}", what="") for n in range(3)]
    outcomes = run_all(runs, timeout=0.3, jobs=2)
    assert [type(outcome) for outcome in outcomes] == [FlowTimeoutError] * 3


def test_ctrl_c_ends_the_children_and_leaves_no_result(tmp_path, native, monkeypatch, cache):
    native(YOSYS, f"{SLEEPER.replace('> child', f'> {tmp_path}/child')}")
    YOSYS.version()
    pause = time.sleep

    def interrupted(seconds):
        pause(seconds)
        if (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip():
            raise KeyboardInterrupt

    monkeypatch.setattr(tools.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        flow.synthesise({"counter.v": COUNTER}, top="counter", family=ECP5)
    monkeypatch.undo()
    assert ended(int((tmp_path / "child").read_text()))
    assert left_over(cache) == []


def test_a_real_ctrl_c(tmp_path, native):
    tool = native(YOSYS, SLEEPER)
    tool.version()
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        tool.run([], folder=tmp_path, log="log")
    assert ended(int((tmp_path / "child").read_text()))


def test_the_first_compilation_is_announced(tmp_path, native, capfd):
    tool = native(YOSYS, "echo 'Preparing to run yosys. This might take a while...'; sleep 0.3")
    tool.run([], folder=tmp_path, log="log")
    assert "Preparing yosys for this machine: once, about a minute" in capfd.readouterr().err
