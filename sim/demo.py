"""The main job: real images through the RTL, each output compared with the golden model."""

from __future__ import annotations

import argparse
import importlib.util

import numpy as np
from rich.console import Console
from rich.table import Table

from sw import cli, reference
from sw.config import EngineConfig
from sw.configfile import config_names, load_config
from sw.data import load_samples
from sw.images import Images, check_images
from sw.numeric import IntArray
from sw.reuse import CounterModel, Counters

from .bulk import SimulationResult
from .toolchain import DEFAULT_BUILD_DIR

__all__ = ["load", "parser", "report"]

_DATASETS = {(3, 32, 32): "cifar10", (1, 28, 28): "mnist"}
_WARM_UP_SLACK = 64
"""Cycles a frame beyond one a pixel that a warm engine may take for what the table still meets."""
_PLOT = DEFAULT_BUILD_DIR / "demo" / "frames.png"


def parser(prog: str) -> argparse.ArgumentParser:
    """The command line of the demonstration."""
    result = argparse.ArgumentParser(
        prog=prog,
        description="Real CIFAR-10 (or MNIST) test images through the RTL; every output of every "
        "kernel and every counter is compared with the golden model.",
        epilog="Exit status: 0 all equal, 1 something differs, 2 input that cannot be used.",
    )
    result.add_argument(
        "--config",
        default="cifar10-layer1",
        metavar="NAME|FILE.toml",
        help=f"{', '.join(config_names())}, or your own file, for 3x32x32 or 1x28x28 pixels "
        "(default: %(default)s)",
    )
    result.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, for instance table.entries=64; may be given again",
    )
    result.add_argument(
        "--count",
        type=int,
        default=1000,
        metavar="N",
        help="how many of the repository's 1,000 test images (default: %(default)s)",
    )
    return result


def load(arguments: argparse.Namespace) -> tuple[EngineConfig, Images]:
    """The configuration and the images that the arguments name.

    Raises
    ------
    InputError, ConfigError
        If they do not fit each other.
    """
    config = load_config(arguments.config, assignments=arguments.assignments)
    dataset = _DATASETS.get(config.layer.input_shape)
    if dataset is None:
        shapes = " or ".join("x".join(map(str, shape)) for shape in _DATASETS)
        raise cli.InputError(
            f"--demo --config {arguments.config}: input is {config.layer.input_shape}, but there "
            f"are images of {shapes} only; use --images"
        )
    images = load_samples(dataset).images
    if not 1 <= arguments.count <= len(images):
        raise cli.InputError(f"--count must be 1 to {len(images)}, not {arguments.count}")
    return config, check_images(images[: arguments.count], config, f"samples:{dataset}")


def report(config: EngineConfig, images: Images, result: SimulationResult) -> bool:
    """Compare with the golden model and print the tables; returns whether all is equal."""
    expected = reference.run(images, config)
    model = CounterModel(config)
    misses = np.array([work.misses for work in model.feed(images)])
    differ = (result.y != expected).sum(axis=(0, 2, 3))
    console = Console()
    console.print(_outputs_table(config, len(images), result, differ))
    console.print(_counters_table(result.counters, model.counters))
    if importlib.util.find_spec("matplotlib") is not None:
        _plot(config, result.frame_cycles, misses)
        console.print(f"cycles and misses of each frame: {_PLOT}")
    return not differ.any() and _equal(result.counters, model.counters)


def _equal(found: Counters, predicted: Counters) -> bool:
    """Whether all counters agree that a model without time predicts."""
    known = {name: value for name, value in predicted.as_dict().items() if value is not None}
    return known.items() <= found.as_dict().items()


def _outputs_table(
    config: EngineConfig, frames: int, result: SimulationResult, differ: IntArray
) -> Table:
    layer, counters = config.layer, result.counters
    pixels = layer.input_shape[1] * layer.input_shape[2]
    warm = result.frame_cycles[frames // 2 :]
    wrong = [f"{kernel} ({count:,})" for kernel, count in enumerate(differ) if count]
    kernels = f"all {layer.kernels}" if not wrong else f"all but {', '.join(wrong)}"
    table = Table(title=f"{config.name}: {frames} real images", show_header=False)
    needed, executed = counters.multiplications_needed, counters.multiplications_executed
    rows = {
        "outputs compared": f"{result.y.size:,} ({frames} x {result.y[0].size:,})",
        "outputs that differ": f"{int(differ.sum()):,}",
        "kernels equal to the golden model": kernels,
        "cycles of the first frame": f"{result.frame_cycles[0]:,}",
        "cycles a frame after warm-up": f"{np.median(warm):,.0f} (median), {warm.max():,} (most)",
        "  at most: a clock a pixel, and 64": f"{pixels + _WARM_UP_SLACK:,}",
        "multiplications needed": f"{needed:,}",
        "multiplications executed": f"{executed:,} ({executed / max(needed, 1):.4%})",
        "hit rate": f"{counters.hits / max(counters.lookups, 1):.3%}",
        "simulated cycles a second": f"{result.cycles_per_second:,.0f}",
        "build": "found" if result.cached else f"{result.build_seconds:.0f} s",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _counters_table(found: Counters, predicted: Counters) -> Table:
    table = Table("counter", "RTL", "model", "", title="registers of the RTL")
    for column in table.columns[1:3]:
        column.justify = "right"
    expected = predicted.as_dict()
    for name, value in found.as_dict().items():
        other = expected[name]
        same = "" if other is None else "equal" if other == value else "DIFFERS"
        table.add_row(name, f"{value:,}", "" if other is None else f"{other:,}", same)
    return table


def _plot(config: EngineConfig, frame_cycles: IntArray, misses: IntArray) -> None:
    """Draw the cycles and misses of each frame."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    frames = np.arange(1, len(frame_cycles) + 1)
    axes.step(frames, frame_cycles, where="mid", color="tab:blue", label="cycles (RTL)")
    axes.set(xscale="log", xlabel="frame", ylabel="cycles", title=config.name, ylim=(0, None))
    right = axes.twinx()
    right.step(frames, misses, where="mid", color="tab:orange", label="misses")
    right.set(ylabel="misses", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=2)
    _PLOT.parent.mkdir(parents=True, exist_ok=True)
    partial = _PLOT.with_suffix(".partial.png")
    figure.savefig(partial, dpi=150)
    partial.replace(_PLOT)
