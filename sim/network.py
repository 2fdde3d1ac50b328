"""A network's RTL on many images: as :mod:`sim.bulk`, in the same bench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.network.network import Accelerator
from hw.targets import verilog
from sw.network.config import NetworkConfig
from sw.network.counters import NetworkCounters
from sw.network.graph import Network
from sw.network.loading import load_writes
from sw.network.packing import (
    NetworkOutputs,
    input_bytes,
    output_beats,
    output_bytes,
    pack,
    unpack,
)
from sw.network.planner import cycles_of
from sw.network.registers import counter_names, network_registers
from sw.network.session import counters_of
from sw.numeric import IntArray
from sw.work_folder import work_folder

from .program import Pace, Progress, Transcript, build_program, stream_frames
from .toolchain import DEFAULT_BUILD_DIR

__all__ = ["NetworkResult", "simulate_network"]

_SILENT_FRAMES = 8
"""Frames' time in which nothing may move, with a good margin."""
_IMAGES_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkResult:
    """What the RTL did.

    Parameters
    ----------
    outputs : NetworkOutputs
    counters : NetworkCounters
        As its registers show them.
    bad : array of bool, shape (N,)
    frame_cycles : IntArray, shape (N,)
        Cycles from the end of the frame before (of the first: from its first pixel) to its end.
    cycles_per_second : float
        Simulated cycles in a second of real time.
    """

    outputs: NetworkOutputs
    counters: NetworkCounters
    bad: npt.NDArray[np.bool_]
    frame_cycles: IntArray
    cycles_per_second: float


def simulate_network(
    config: NetworkConfig,
    images: npt.NDArray[np.integer],
    *,
    build_dir: Path = DEFAULT_BUILD_DIR,
    on_progress: Progress | None = None,
    source_pause: int = 0,
    sink_pause: int = 0,
    seed: int = 0,
    weights: NetworkConfig | None = None,
) -> NetworkResult:
    """Stream ``images`` through the RTL of a network.

    Parameters
    ----------
    config : NetworkConfig
        With every layer's settings filled in (:func:`sw.network.planner.plan`).
    images : array of int, shape (N, C, H, W)
        With the zero point.
    build_dir, on_progress, source_pause, sink_pause, seed
        As :func:`sim.bulk.simulate`.
    weights : NetworkConfig, optional
        Its weights are loaded first; otherwise those count that were built in.

    Raises
    ------
    ToolchainError, SimulationError
        As :func:`sim.bulk.simulate`.
    """
    pace = Pace(source_pause=source_pause, sink_pause=sink_pause, seed=seed)
    report = on_progress or (lambda _what, _done, _total: None)
    network = config.network
    settings = {
        "in_beats": images[0, 0].size,
        "out_beats": output_beats(network),
        **pace.settings(_SILENT_FRAMES * cycles_of(config)),
    }
    binary = _build(config, build_dir, report)
    with work_folder(build_dir, "run") as folder:
        _write_input(folder / "input", images, network)
        (folder / "script").write_text(_script(config, weights, len(images)))
        run = stream_frames(binary, folder, len(images), settings, report)
        return NetworkResult(
            outputs=_outputs(folder / "output", len(images), network, run.said),
            counters=_counters(config, run.said),
            bad=run.bad,
            frame_cycles=run.frame_cycles,
            cycles_per_second=run.cycles_per_second,
        )


def _write_input(path: Path, images: npt.NDArray[np.integer], network: Network) -> None:
    """Beats, as ``harness.sv`` reads them; some images at a time."""
    with path.open("wb") as file:
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            packed = pack(images[start : start + _IMAGES_AT_ONCE], network)
            file.write(np.ascontiguousarray(packed[..., ::-1]).data)


def _build(config: NetworkConfig, build_dir: Path, report: Progress) -> Path:
    """The program, compiled once for each design."""
    network = config.network
    binary, _ = build_program(
        verilog.convert(Accelerator(config)),
        widths={"IN_BYTES": input_bytes(network), "OUT_BYTES": output_bytes(network)},
        build_dir=build_dir,
        report=report,
    )
    return binary


def _script(config: NetworkConfig, weights: NetworkConfig | None, frames: int) -> str:
    """What the bench does, step by step: see ``harness.sv``."""
    network = config.network
    registers = network_registers(network)
    control, status = registers.offset("CONTROL"), registers.offset("STATUS")
    run, idle = registers.bits("CONTROL", "run"), registers.bits("STATUS", "idle")
    steps = [
        ("p", status, idle),
        *(("w", *write) for write in (load_writes(weights, config) if weights else ())),
        ("w", control, run),
        ("s", frames, 0),
        ("w", control, 0),
        ("p", status, idle),
        *(("r", registers.offset(name), 0) for name in counter_names(network)),
    ]
    return "".join(f"{verb} {first:x} {second:x}\n" for verb, first, second in steps)


def _outputs(path: Path, frames: int, network: Network, said: Transcript) -> NetworkOutputs:
    beats, stride = output_beats(network), -(-output_bytes(network) // 4) * 4
    found, expected = path.stat().st_size, frames * beats * stride
    if found != expected:
        raise said.failure(f"the output has {found:,} bytes, expected {expected:,}:")
    words = np.fromfile(path, np.uint8).reshape(frames, beats, stride)
    return unpack(words, network)


def _counters(config: NetworkConfig, said: Transcript) -> NetworkCounters:
    registers = network_registers(config.network)
    names = counter_names(config.network)
    return counters_of(config, {name: said.reads[registers.offset(name)] for name in names})
