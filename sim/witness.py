"""``python -m sim.witness``: what a trained layer multiplies, by the RTL's own counters.

The paper's tables 2 and 3 estimate multiplications by counting distinct operand pairs. Here the
trained first CIFAR-10 layers of its two networks, in ``fixed8``, run on real images as RTL; the
counters go to ``reports/witness.json``, for ``python -m sw.paper``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sw import cli, reference
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.data import load_samples
from sw.images import Images, check_images
from sw.numeric import FixedFormat, IntRange
from sw.paper.pair_tables import quantised
from sw.paper.runs import StoredRun, load_runs, plain_runs
from sw.spec import LayerSpec

from . import progress
from .bulk import SimulationError, simulate
from .command import run_simulation

__all__ = ["main", "trained_engine", "witnessed"]

_PROG = "python -m sim.witness"
REPORT = Path("reports/witness.json")
REPORTS = Path("reports/training")
ENGINES = {"none": "cifar10-layer1-plain", "hlac25": "cifar10-layer1"}
"""The named configuration of the engine for the networks with each bank."""


def trained_engine(run: StoredRun, name: str) -> EngineConfig:
    """The named engine with the run's trained first layer, rounded to ``fixed8``."""
    config = load_config(name)
    weight = quantised(run.kernels("trained"), "fixed8").astype(np.int64)
    largest = int(np.abs(weight).max())
    bits = max(9, IntRange(-largest, largest).bits)
    layer = LayerSpec(
        weight=weight,
        input_shape=config.layer.input_shape,
        weight_format=FixedFormat(bits=bits, frac=8, signed=True),
    )
    return replace(config, layer=layer)


def witnessed(config: EngineConfig, images: Images) -> dict[str, Any]:
    """The counters after the first image alone, and after all of them.

    Raises
    ------
    SimulationError
        If an output is not the golden model's.
    """
    found: dict[str, Any] = {}
    for name, part in (("first", images[:1]), ("all", images)):
        with progress.shown() as on_progress:
            result = simulate(config, part, on_progress=on_progress)
        if not np.array_equal(result.y, reference.run(part, config)):
            raise SimulationError(f"{config.name}: outputs differ from the golden model's")
        found[name] = result.counters.as_dict()
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="The trained first CIFAR-10 layers, without templates and with HLAC-25, as RTL "
        "on real images: outputs compared with the golden model, counters stored.",
        epilog="Exit status: 0 done, 1 the RTL is wrong, 2 input that cannot be used.",
    )
    parser.add_argument("--out", type=Path, default=REPORT, help=f"default: {REPORT}")
    parser.add_argument(
        "--runs", type=Path, default=REPORTS, help=f"folder of stored runs (default: {REPORTS})"
    )
    parser.add_argument(
        "--count", type=int, default=1000, metavar="N", help="images, 1 to 1000 (default: 1000)"
    )
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    samples = load_samples("cifar10").images
    if not 1 <= arguments.count <= len(samples):
        raise cli.InputError(f"count must be 1 to {len(samples)}, not {arguments.count}")
    cli.check_folder(arguments.out.parent)
    runs = load_runs(arguments.runs)
    report: dict[str, Any] = {"command": _PROG, "images": arguments.count, "layers": {}}
    for bank, name in ENGINES.items():
        run = plain_runs(runs, "cifar10", bank)[0]
        config = trained_engine(run, name)
        images = check_images(samples[: arguments.count], config, "samples:cifar10")
        counters = witnessed(config, images)
        report["layers"][bank] = {"run": run.record["name"], "config": name, **counters}
        _print(name, counters["all"])
    cli.write_json(arguments.out, report)
    print(arguments.out)
    return 0


def _print(name: str, counters: dict[str, int]) -> None:
    needed, executed = (counters[f"multiplications_{what}"] for what in ("needed", "executed"))
    Console(highlight=False, soft_wrap=True).print(
        f"{name}: {executed:,} of {needed:,} multiplications executed ({executed / needed:.5%}), "
        f"{counters['frames']:,} frames, outputs equal to the golden model's"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_simulation(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
