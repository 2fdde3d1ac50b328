"""The bulk bench's program: run it, and read what it says and leaves."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray

__all__ = ["HARNESS", "SimulationError", "Transcript", "read_marks", "run_program"]

HARNESS = Path(__file__).parent / "harness"
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


def run_program(
    binary: Path, folder: Path, settings: dict[str, int], on_frames: Callable[[int], None]
) -> Transcript:
    """Run the bench in ``folder`` and check that it found nothing wrong."""
    names = ("script", "input", "weights", "flips", "output", "marks")
    files = {name: name for name in names}
    plusargs = [f"+{name}={value}" for name, value in {**files, **settings}.items()]
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


def read_marks(folder: Path) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """Of each frame: whether it was marked bad, and the cycle of its last output."""
    marks = np.fromfile(folder / "marks", "<u8")
    return (marks & _BAD) != 0, (marks & ~_BAD).astype(np.int64)
