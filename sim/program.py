"""The bulk bench's program: build it, run it, and read what it says and leaves.

What it is of, an engine or a network, is for :mod:`sim.bulk` and :mod:`sim.network` to say.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.targets import TOP
from sw.numeric import IntArray
from sw.work_folder import work_folder

from .fault_sites import state_access
from .toolchain import build_binary

__all__ = [
    "Pace",
    "Progress",
    "SimulationError",
    "Streamed",
    "Transcript",
    "build_program",
    "stream_frames",
]

Progress = Callable[[str, int, int], None]
"""Called with what is being done (``"build"``, ``"simulate"``), how much is done, out of how much;
``"build"`` counts lines of the compilers' output, out of 0: unknown."""

_HARNESS = Path(__file__).parent / "harness"
_ALL_PAUSED = 1000
_WATCHDOG_CYCLES = 10_000
_REPORTS = 200
_LOG_TAIL = 12
_BAD = np.uint64(1 << 63)  # the top bit of a mark


class SimulationError(Exception):
    """The RTL did not do what the stream's contract asks; the message has the end of the log."""


@dataclass(kw_only=True)
class Transcript:
    """What the bench said."""

    first: int = 0
    cycles: int = 0
    reads: dict[int, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def take(self, line: str) -> int | None:
        """Take a line in; the number of frames done, if it says so."""
        self.lines = [*self.lines[1 - _LOG_TAIL :], line]
        match line.split():
            case ["@frames", frames]:
                return int(frames)
            case ["@first", cycle]:
                self.first = int(cycle)
            case ["@done", cycles]:
                self.cycles = int(cycles)
            case ["@read", address, data]:
                self.reads[int(address, 16)] = int(data, 16)
            case ["@error", *words]:
                self.errors.append(" ".join(words))
        return None

    def failure(self, what: str) -> SimulationError:
        """An error that ends with the last lines."""
        return SimulationError("\n".join([what, *self.errors, "The log ends:", *self.lines]))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often the source and the sink pause.

    Parameters
    ----------
    source_pause, sink_pause : int
        Inputs are withheld, and outputs not taken, in so many of 1,000 cycles at random, 0 to 999.
    seed : int
        Of the pauses.

    Raises
    ------
    ValueError
        If a pause is out of its range.
    """

    source_pause: int = 0
    sink_pause: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("source_pause", "sink_pause"):
            pause = getattr(self, name)
            if not 0 <= pause < _ALL_PAUSED:
                raise ValueError(f"{name} must be 0 to {_ALL_PAUSED - 1} per mille, not {pause}")

    def settings(self, silence: int) -> dict[str, int]:
        """The bench's, where a healthy design is silent for so many cycles if nothing pauses."""
        pause = max(self.source_pause, self.sink_pause)
        watchdog = (_WATCHDOG_CYCLES + silence) * _ALL_PAUSED // (_ALL_PAUSED - pause)
        return {
            "watchdog": watchdog,
            "source_pause": self.source_pause,
            "sink_pause": self.sink_pause,
            "seed": self.seed & 0x7FFFFFFF,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Streamed:
    """What a run said and left, but for its outputs.

    Parameters
    ----------
    said : Transcript
    bad : array of bool, shape (N,)
        Which frames were marked bad.
    frame_cycles : IntArray, shape (N,)
        Clock cycles from the last output of the frame before (for the first frame: from its first
        pixel) to the frame's last output.
    cycles_per_second : float
        Simulated clock cycles in a second of real time.
    """

    said: Transcript
    bad: npt.NDArray[np.bool_]
    frame_cycles: IntArray
    cycles_per_second: float


def build_program(
    text: str,
    *,
    widths: Mapping[str, int],
    build_dir: Path,
    report: Progress,
    flags: Sequence[str] = (),
    faulty: bool = False,
) -> tuple[Path, bool]:
    """The program of a design's Verilog, and whether it was there before.

    Parameters
    ----------
    text : str
        Its top module is :data:`hw.targets.TOP`.
    widths : mapping of name to int
        The bench's parameters: bytes of its streams' beats.
    build_dir : Path
        Where compiled designs are kept.
    report : Progress
    flags : sequence of str
        More of Verilator's.
    faulty : bool
        Its state can be reached, so that bits can be flipped; slower.

    Raises
    ------
    ToolchainError
        If it cannot be built.
    """
    report("build", 0, 0)
    lines = 0

    def on_line(_line: str) -> None:
        nonlocal lines
        lines += 1
        report("build", lines, 0)

    with work_folder(build_dir, "emit") as folder:
        source = folder / f"{TOP}.v"
        source.write_text(text)
        sources = [_HARNESS / "harness.sv", source, _HARNESS / "harness.cpp"]
        if faulty:
            reached = folder / "state.vlt"
            reached.write_text(state_access(text))
            sources = [reached, *sources, _HARNESS / "faults.cpp"]
            flags = [*flags, "-DFAULTS", "--vpi"]
        binary = build_binary(
            sources,
            top="harness",
            build_dir=build_dir,
            flags=[*flags, *(f"-G{parameter}={value}" for parameter, value in widths.items())],
            on_line=on_line,
        )
    return binary, lines == 0


def stream_frames(
    binary: Path,
    folder: Path,
    frames: int,
    settings: Mapping[str, int],
    report: Progress,
) -> Streamed:
    """Run the bench in ``folder``, which has its files, and check that it found nothing wrong.

    Parameters
    ----------
    binary : Path
        From :func:`build_program`.
    folder : Path
        With ``script`` and ``input``, and ``weights`` and ``flips`` where there are any.
    frames : int
    settings : mapping of name to int
        See ``harness.sv``.
    report : Progress

    Raises
    ------
    SimulationError
        If the design hangs, or breaks the stream's contract.
    """
    for name in ("weights", "flips"):
        (folder / name).touch()
    begun = time.monotonic()
    every = {"progress": max(1, frames // _REPORTS), **settings}
    said = _run_program(binary, folder, every, lambda done: report("simulate", done, frames))
    seconds = time.monotonic() - begun
    bad, ends = _read_marks(folder)
    return Streamed(
        said=said,
        bad=bad,
        frame_cycles=np.diff(ends, prepend=said.first - 1),
        cycles_per_second=said.cycles / seconds,
    )


def _run_program(
    binary: Path, folder: Path, settings: Mapping[str, int], on_frames: Callable[[int], None]
) -> Transcript:
    names = ("script", "input", "weights", "flips", "output", "marks")
    files = {name: name for name in names}
    plusargs = [f"+{name}={value}" for name, value in {**files, **settings}.items()]
    # Verilator's: of programs that begin at random. It takes a seed of 0 for none.
    plusargs += ["+verilator+rand+reset+2", f"+verilator+seed+{settings['seed'] % 0x7FFFFFFF + 1}"]
    said = Transcript()
    with _child([str(binary), *plusargs], folder) as process:
        for line in process.stdout or ():
            frames = said.take(line.rstrip("\n"))
            if frames is not None:
                on_frames(frames)
    if said.errors:
        raise said.failure("the RTL broke the stream's contract:")
    if process.returncode or not said.cycles:
        raise said.failure(f"the simulation ended with status {process.returncode}:")
    return said


@contextlib.contextmanager
def _child(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that does not outlive the block, however the block is left."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches us alone; we stop it
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _read_marks(folder: Path) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """Of each frame: whether it was marked bad, and the cycle of its last output."""
    marks = np.fromfile(folder / "marks", "<u8")
    return (marks & _BAD) != 0, (marks & ~_BAD).astype(np.int64)
