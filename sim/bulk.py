"""The RTL on many images: the emitted Verilog in Verilator, in the bench of ``sim/harness``.

:func:`simulate` emits, builds (once for each design) and runs. No golden model takes part: what
comes back is what the RTL put out, and what its counters say.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.serial_plan import plan_serial
from hw.targets import verilog
from sw.config import EngineConfig
from sw.images import Images, check_images
from sw.numeric import IntArray
from sw.packing import input_bytes, output_beats, output_bytes, weight_bytes
from sw.registers import COUNTERS, register_map, setup_writes
from sw.reuse import Counters
from sw.work_folder import work_folder

from . import packing
from .fault_sites import Flip
from .program import (
    Pace,
    Progress,
    SimulationError,
    Transcript,
    build_program,
    stream_frames,
)
from .toolchain import DEFAULT_BUILD_DIR

__all__ = ["Progress", "SimulationError", "SimulationResult", "simulate"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulationResult:
    """What the RTL did.

    Parameters
    ----------
    y : IntArray, shape (N, K, OH, OW)
    counters : Counters
        As its registers show them after the last frame.
    bad : array of bool, shape (N,)
        Which frames the engine marked bad.
    frame_cycles : IntArray, shape (N,)
        Clock cycles from the last output of the frame before (for the first frame: from its first
        pixel) to the frame's last output.
    cycles_per_second : float
        Simulated clock cycles in a second of real time.
    build_seconds : float
        To emit the Verilog and compile it, or to find it compiled.
    cached : bool
        Whether it was compiled before.
    activity : str
        SAIF text, of a netlist that was simulated.
    """

    y: IntArray
    counters: Counters
    bad: npt.NDArray[np.bool_]
    frame_cycles: IntArray
    cycles_per_second: float
    build_seconds: float
    cached: bool
    activity: str = ""


def simulate(
    config: EngineConfig,
    images: Images,
    *,
    build_dir: Path = DEFAULT_BUILD_DIR,
    on_progress: Progress | None = None,
    weight_sets: Mapping[int, IntArray] | None = None,
    rounds: Sequence[int] | None = None,
    flips: Sequence[Flip] | None = None,
    gates: str | None = None,
    source_pause: int = 0,
    sink_pause: int = 0,
    seed: int = 0,
) -> SimulationResult:
    """Stream ``images`` through the RTL of ``config``.

    Parameters
    ----------
    config : EngineConfig
    images : Images, shape (N, C, H, W)
    build_dir : Path
        Where compiled designs are kept and the run's files live while it runs.
    on_progress : Progress, optional
    weight_sets : mapping of int to IntArray, shape (L, C, kh, kw), optional
        From which frame on, 1 or later, which learned weights count. Each set is loaded through the
        weight stream while frames are computed with the one before; see ``harness.sv``.
    rounds : sequence of int, optional
        Frames that are streamed without a stop, N in all. Before each round the engine is set up
        anew: the weights are loaded, which empties its tables. All in one round otherwise.
    flips : sequence of Flip, optional
        Bits of its state that change on the way. With these, even none, frames may be marked bad,
        and a program of its own is built.
    gates : str, optional
        Verilog of its netlist, to simulate instead. What has no initial value begins at random, by
        ``seed``, as cells do. How often each of its nets changes while frames are streamed is in
        the result's ``activity``.
    source_pause, sink_pause, seed : int
        As :class:`sim.program.Pace`; weights are withheld as pixels are.

    Raises
    ------
    ImageError
        If the images do not fit the configuration.
    SpecError
        If a set of weights does not.
    ToolchainError
        If the design cannot be built.
    SimulationError
        If the engine hangs, or its output has the wrong size or marks.
    """
    pace = Pace(source_pause=source_pause, sink_pause=sink_pause, seed=seed)
    images = check_images(images, config, "images")
    sets = _checked_sets(weight_sets or {}, len(images), config)
    rounds = _checked_rounds([len(images)] if rounds is None else rounds, len(images))
    report = on_progress or (lambda _what, _done, _total: None)
    start = time.monotonic()
    binary, cached = _build(config, build_dir, report, faulty=flips is not None, gates=gates)
    built = time.monotonic()
    with work_folder(build_dir, "run") as folder:
        _write_inputs(folder, config, images, sets=sets, rounds=rounds, flips=flips or ())
        settings = _settings(config, pace, bad_frames=flips is not None)
        run = stream_frames(binary, folder, len(images), settings, report)
        return SimulationResult(
            y=_outputs(folder, len(images), config, run.said),
            counters=_counters(config, run.said),
            bad=run.bad,
            frame_cycles=run.frame_cycles,
            cycles_per_second=run.cycles_per_second,
            build_seconds=built - start,
            cached=cached,
            activity=(folder / "activity.saif").read_text() if gates else "",
        )


def _write_inputs(
    folder: Path,
    config: EngineConfig,
    images: Images,
    *,
    sets: Mapping[int, IntArray],
    rounds: Sequence[int],
    flips: Sequence[Flip],
) -> None:
    """Write the files that ``harness.sv`` reads."""
    packing.write_input(images, config, folder / "input")
    packing.write_weights(sets.values(), config, folder / "weights")
    (folder / "script").write_text(_script(config, rounds, sets))
    (folder / "flips").write_text("".join(map(_flip_line, sorted(flips))))


def _settings(config: EngineConfig, pace: Pace, *, bad_frames: bool) -> dict[str, int]:
    """What ``harness.sv`` is told."""
    _, height, width = config.layer.input_shape
    return {
        "in_beats": height * width,
        "out_beats": output_beats(config),
        "bad_frames": int(bad_frames),
        **pace.settings(_silence(config)),
    }


def _checked_rounds(rounds: Sequence[int], frames: int) -> Sequence[int]:
    if sum(rounds) != frames or min(rounds, default=1) < 1:
        raise ValueError(f"rounds must be 1 or more and add up to {frames}, not {rounds}")
    return rounds


def _checked_sets(
    sets: Mapping[int, IntArray], frames: int, config: EngineConfig
) -> dict[int, IntArray]:
    """In ascending order of the frames from which they count."""
    if sets and not config.run_time_weights:
        raise ValueError(f"weight_sets: {config.name} has no run-time weights")
    for frame in sets:
        if not 1 <= frame < frames:
            raise ValueError(f"weight_sets: frames must be 1 to {frames - 1}, not {frame}")
    return dict(sorted(sets.items()))


def _flip_line(flip: Flip) -> str:
    path = f"harness.dut.{flip.path}"
    return f"{flip.round} {flip.cycle} {path} {flip.word} {flip.bit}\n"


def _build(
    config: EngineConfig, build_dir: Path, report: Progress, *, faulty: bool, gates: str | None
) -> tuple[Path, bool]:
    """The program for a configuration, and whether it was there before."""
    widths = {"IN_BYTES": input_bytes(config), "OUT_BYTES": output_bytes(config)}
    flags: list[str] = []
    if config.run_time_weights:
        widths["WEIGHT_BYTES"] = weight_bytes(config)
        flags.append("-DWEIGHT_STREAM")
    if gates is not None:
        flags += ["-DACTIVITY", "--trace-saif", "--x-initial", "unique"]
    return build_program(
        gates or verilog.emit(config),
        widths=widths,
        build_dir=build_dir,
        report=report,
        flags=flags,
        faulty=faulty,
    )


def _script(config: EngineConfig, rounds: Sequence[int], sets: Mapping[int, IntArray]) -> str:
    """What the bench does, step by step: see ``harness.sv``."""
    registers = register_map(config)
    control, status = registers.offset("CONTROL"), registers.offset("STATUS")
    run, idle = registers.bits("CONTROL", "run"), registers.bits("STATUS", "idle")
    steps = [("p", status, idle)]
    for n, frames in enumerate(rounds):
        steps += [("w", address, data) for address, data in setup_writes(config)]
        if not n:
            steps += [("l", frame, weight.size) for frame, weight in sets.items()]
        steps += [("w", control, run), ("s", frames, 0)]
        steps += [("w", control, 0), ("p", status, idle)]
    steps += [("r", status, 0)]
    for name in COUNTERS:
        steps += [("r", registers.offset(f"{name.upper()}_{half}"), 0) for half in ("LO", "HI")]
    return "".join(f"{verb} {first:x} {second:x}\n" for verb, first, second in steps)


def _silence(config: EngineConfig) -> int:
    """Cycles that may pass between two transfers of a healthy engine, with a good margin.

    The longest silence is that of padding rows whose zeros miss, and of one beat that misses in
    every channel; a folded beat or one of the serial bank takes several cycles.
    """
    layer = config.layer
    serial = config.bank == "serial" and bool(config.template_kernels)
    hold = max(config.fold.cycles, plan_serial(config).cycles if serial else 1)
    products = len(config.learned) * layer.taps
    fill = -(-products // config.table.multipliers) + 16
    silence = 4 * layer.padded_shape[1] * hold + 2 * layer.channels * fill
    return 4 * silence


def _outputs(folder: Path, frames: int, config: EngineConfig, said: Transcript) -> IntArray:
    expected = packing.output_file_bytes(frames, config)
    found = (folder / "output").stat().st_size
    if found != expected:
        raise said.failure(f"the output has {found:,} bytes, expected {expected:,}:")
    return packing.decode_output(folder / "output", frames, config)


def _counters(config: EngineConfig, said: Transcript) -> Counters:
    """The counters; no set of weights may have been refused."""
    registers = register_map(config)
    refused = registers.bits("STATUS", "weights_refused")
    if said.reads[registers.offset("STATUS")] & refused:
        raise said.failure("the engine refused a set of weights:")

    def value(name: str) -> int:
        low, high = (said.reads[registers.offset(f"{name.upper()}_{h}")] for h in ("LO", "HI"))
        return high << 32 | low

    return Counters(**{name: value(name) for name in COUNTERS})
