"""``python -m sim.activity``: how often the nets of standard cells switch on real images.

The netlist that ``hw.build --target asic`` counts is simulated in place of the RTL, every output is
compared with the golden model's, and each change of a net takes what the cell library says.

What it is not: there are no wires yet, so no load of theirs; a net changes once a cycle at most, so
no glitches; no leakage; and large memories, which are macros, are left out. It compares engines.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from hw.flow import FlowError, load_family, show_progress, synthesise
from hw.flow.gates import Gates, gates_of
from hw.flow.liberty import CellEnergies, read_energies
from hw.targets import TOP, rtlil
from sw import cli, reference
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.images import IMAGES_HELP, Images, load_images

from .bulk import SimulationError, simulate
from .command import run_simulation
from .progress import shown

__all__ = ["Switching", "changes_of", "energies", "main", "measure"]

_PROG = "python -m sim.activity"
_DESIGN = re.compile(r"^ {2}\(INSTANCE dut\n(.*?)(?=^ {2}\S|\Z)", re.MULTILINE | re.DOTALL)
_NET = re.compile(r"^ {4}\((\S+) \(T0 .*\(TC (\d+)\)\)$", re.MULTILINE)
_CLOCK = "clk"


@dataclass(frozen=True, kw_only=True)
class Switching:
    """What switched.

    Parameters
    ----------
    config : str
    frames, cycles : int
        Streamed one after another; cycles from the first pixel to the last output.
    outputs_compared : int
        With the golden model's; all were equal.
    nets : int
    activity : float
        Changes of a net in a cycle, but for the clock: the mean of all nets.
    energy_nj : mapping of str to float
        Of a frame: ``clock`` (its net, and what it does in the registers), ``registers`` (their
        data and outputs), ``logic``, ``total``.
    """

    config: str
    frames: int
    cycles: int
    outputs_compared: int
    nets: int
    activity: float
    energy_nj: Mapping[str, float]


def measure(config: EngineConfig, images: Images, *, liberty: Path | None = None) -> Switching:
    """Simulate the cells of an engine.

    Parameters
    ----------
    config : EngineConfig
    images : Images, shape (N, C, H, W)
    liberty : Path, optional
        The cell library; one that is found, otherwise.

    Raises
    ------
    FlowError
        If there is no library, or it says nothing of energy.
    SimulationError
        If an output of the cells is not the golden model's.
    ToolchainError
        If they cannot be compiled.
    """
    family = load_family("asic", liberty=liberty)
    if not family.files:
        raise FlowError(family.note)
    (name, text), *_ = family.files.items()
    library = read_energies(text, name)
    with show_progress():
        block = synthesise({f"{TOP}.il": rtlil.emit(config)}, top=TOP, family=family)
        gates = gates_of(block)
    with shown() as progress:
        result = simulate(config, images, gates=gates.verilog, on_progress=progress)
    different = int((result.y != reference.run(images, config)).sum())
    if different:
        raise SimulationError(f"{different:,} outputs of the cells are not the golden model's")
    changes = changes_of(result.activity)
    others = [count for net, count in changes.items() if net != _CLOCK]
    cycles = int(result.frame_cycles.sum())
    picojoules = energies(gates, library, changes)
    return Switching(
        config=config.name,
        frames=len(images),
        cycles=cycles,
        outputs_compared=result.y.size,
        nets=len(changes),
        activity=round(float(np.mean(others)) / cycles, 5),
        energy_nj={part: round(pj / 1000 / len(images), 3) for part, pj in picojoules.items()},
    )


def changes_of(saif: str) -> dict[str, int]:
    """How often each net of the design changed, by its name, from a SAIF text."""
    design = _DESIGN.search(saif)
    if design is None:
        raise SimulationError("the simulator left no activity of the design")
    return {name.replace("\\", ""): int(count) for name, count in _NET.findall(design[1])}


def energies(gates: Gates, library: CellEnergies, changes: Mapping[str, int]) -> dict[str, float]:
    """What the changes take, in pJ, by what takes it, and ``total``.

    A change charges or discharges the inputs on the net, C V² / 2, and takes the internal energy of
    the pins. The clock's counts where it changes; of other nets, those that a register has are its.
    """
    found = {"clock": 0.0, "registers": 0.0, "logic": 0.0}
    clocked = {cell for cell, _ in gates.nets.get(_CLOCK, ())}
    for net, pins in gates.nets.items():
        for cell, pin in pins:
            known = library.cells.get(cell, {}).get(pin)
            if known is None:  # a macro's
                continue
            charged = known.capacitance * library.volts**2 / 2
            part = "clock" if net == _CLOCK else "registers" if cell in clocked else "logic"
            found[part] += changes.get(net, 0) * (charged + known.internal)
    return found | {"total": sum(found.values())}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Simulate an engine's standard cells on images, compare every output with the "
        "golden model, and say what their switching takes.",
        epilog="Exit status: 0 done, 1 the cells are wrong, 2 input that cannot be used. Example: "
        f"{_PROG} --config cifar10-layer1-smallest --images samples:cifar10:2",
    )
    add_arguments(parser)
    parser.add_argument("--images", required=True, metavar="IN.npy", help=IMAGES_HELP)
    parser.add_argument(
        "--liberty",
        type=Path,
        metavar="FILE",
        help="cell library (default: that of Debian's qflow-tech-osu018, if it is there)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    config = from_arguments(arguments)
    images = load_images(arguments.images, config)
    try:
        found = measure(config, images, liberty=arguments.liberty)
    except FlowError as error:
        raise cli.InputError(str(error)) from error
    if arguments.json is not None:
        cli.write_json(arguments.json, asdict(found))
    _print(found)
    return 0


def _print(found: Switching) -> None:
    parts = ", ".join(f"{name} {nj:,.1f}" for name, nj in found.energy_nj.items())
    Console(highlight=False, soft_wrap=True).print(
        f"{found.config}: {found.outputs_compared:,} outputs of the cells equal to the golden "
        f"model's\n{found.nets:,} nets; in a cycle, {found.activity:.1%} of them change; "
        f"{found.cycles / found.frames:,.0f} cycles a frame\nnJ a frame: {parts}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_simulation(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
