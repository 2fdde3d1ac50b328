"""The golden model: what an engine puts out, bit for bit, composed as the RTL is.

``python -m sw.reference`` writes the same files as ``python -m sim.run``, from NumPy instead of
the RTL: the outputs, and the counters that the table model predicts (``cycles`` is null).

    raster -> template_bank --+-> merge (bias) -> requantise -> relu
           -> learned --------+
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from . import cli, numeric
from .config import EngineConfig
from .configfile import add_arguments, from_arguments
from .images import Images, load_images
from .network import reference as network_reference
from .network.accuracy import say_accuracy
from .network.configfile import is_network, network_from_arguments
from .network.counters import predict
from .network.images import load_network_images
from .network.planner import plan
from .network.zeros import skipped_steps
from .numeric import IntArray
from .results import add_run_arguments, check_outputs, write_outputs
from .reuse import CounterModel

__all__ = [
    "learned",
    "main",
    "merge",
    "raster",
    "relu",
    "requantise",
    "run",
    "template_bank",
]

_PIXELS_AT_ONCE = 1 << 15
"""Pixels of all channels that :func:`run` takes through together: few, so that caches hold them."""
_CELLS_AT_ONCE = 1 << 21
"""Window cells that are laid out together, to bound memory."""


def raster(images: Images, config: EngineConfig) -> IntArray:
    """The padded frames whose positions are the engine's beats, shape (N, C, PH, PW)."""
    padding = config.layer.padding
    around = ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    return np.pad(images.astype(np.int64), around)


def template_bank(frames: IntArray, config: EngineConfig) -> IntArray:
    """The template kernels' outputs, from sums of pixels alone.

    ``y = A * (2 * black - T)`` where every cell is +1 or -1 (``black`` is the sum under the +1
    cells, T that of all), and ``y = A * (black - white)`` where cells are 0.

    Parameters
    ----------
    frames : IntArray, shape (N, C, PH, PW)

    Returns
    -------
    IntArray, shape (N, len(config.template_kernels), OH, OW)
        In ascending kernel order. A is 1 where the magnitude is deferred.
    """
    patterns = np.stack([template.pattern for template in config.template_kernels.values()])
    two_valued = patterns.all(axis=(1, 2, 3))
    black = _correlate(frames, patterns > 0, config)
    sums = np.empty_like(black)
    if two_valued.any():
        total = _correlate(frames, np.ones_like(patterns[:1]), config)
        sums[:, two_valued] = 2 * black[:, two_valued] - total
    if not two_valued.all():
        white = _correlate(frames, patterns[~two_valued] < 0, config)
        sums[:, ~two_valued] = black[:, ~two_valued] - white
    magnitudes = np.array([config.magnitude(kernel) for kernel in config.template_kernels])
    return sums * _per_kernel(config.magnitudes if config.magnitude_bits else magnitudes)


def learned(frames: IntArray, config: EngineConfig) -> IntArray:
    """The learned kernels' outputs, shape (N, L, OH, OW), in ascending kernel order.

    Reuse is not visible here: a product that is looked up is the product.
    """
    return _correlate(frames, config.learned_weight, config)


def merge(bank: IntArray, products: IntArray, config: EngineConfig) -> IntArray:
    """Both outputs in the model's kernel order, shape (N, K, OH, OW), with the bias."""
    merged = np.empty((len(bank), *config.layer.output_shape), dtype=np.int64)
    merged[:, list(config.template_kernels)] = bank
    merged[:, list(config.learned)] = products
    if config.bias_bits:
        merged += _per_kernel(config.bias)
    return merged


def requantise(accumulators: IntArray, config: EngineConfig) -> IntArray:
    """The output words before :func:`relu`: exact, or scaled, rounded and saturated."""
    output = config.output
    if output.kind == "exact":
        return accumulators
    scale = _per_kernel(config.scale) if output.scale_bits else 1
    return numeric.requantise(accumulators, scale=scale, shift=output.shift, limits=output.limits)


def relu(words: IntArray, config: EngineConfig) -> IntArray:
    """Negative words become zero, if the output asks for it."""
    return np.maximum(words, 0) if config.output.relu else words


def run(
    images: Images, config: EngineConfig, *, progress: Callable[[int], None] | None = None
) -> IntArray:
    """The engine's outputs.

    Parameters
    ----------
    images : Images, shape (N, C, H, W)
        As :func:`sw.images.check_images` gives them.
    config : EngineConfig
    progress : callable, optional
        Called with the number of images done since the last call.

    Returns
    -------
    IntArray, shape (N, K, OH, OW)
    """
    outputs = np.empty((len(images), *config.layer.output_shape), dtype=np.int64)
    step = max(1, _PIXELS_AT_ONCE // int(np.prod(config.layer.input_shape)))
    for start in range(0, len(images), step):
        part = images[start : start + step]
        outputs[start : start + step] = _run_part(part, config)
        if progress is not None:
            progress(len(part))
    return outputs


def _run_part(images: Images, config: EngineConfig) -> IntArray:
    frames = raster(images, config)
    nothing = np.empty((len(images), 0, *config.layer.output_shape[1:]), dtype=np.int64)
    bank = template_bank(frames, config) if config.template_kernels else nothing
    products = learned(frames, config) if config.learned else nothing
    return relu(requantise(merge(bank, products, config), config), config)


def _per_kernel(vector: IntArray) -> IntArray:
    """A value a kernel, shaped to broadcast over (N, K, OH, OW)."""
    return vector[:, np.newaxis, np.newaxis]


def _correlate(
    frames: IntArray, kernels: npt.NDArray[np.generic], config: EngineConfig
) -> IntArray:
    """Correlate frames (N, C, PH, PW) with kernels (K, C, kh, kw).

    In 32 bits where the range of the sums proves that these hold them, which is four times
    faster; einsum rather than a matrix product, since that would round (floats) or crawl (ints).
    """
    x, matrix = config.layer.input_format.range, kernels.reshape(len(kernels), -1).astype(np.int64)
    largest = int(np.abs(matrix).sum(axis=1).max()) * max(-x.lo, x.hi)
    word = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    matrix, pixels = matrix.astype(word), frames.astype(word)
    _, rows, columns = config.layer.output_shape
    outputs = np.empty((len(frames), len(kernels), rows, columns), dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // (len(frames) * matrix.shape[1] * columns))
    for start in range(0, rows, step):
        band = slice(start, min(start + step, rows))
        sums = np.einsum("kc,ncp->nkp", matrix, _windows(pixels, config, band))
        outputs[:, :, band] = sums.reshape(*outputs.shape[:2], -1, columns)
    return outputs


def _windows(
    frames: npt.NDArray[np.integer], config: EngineConfig, band: slice
) -> npt.NDArray[np.integer]:
    """The cells of the windows in output rows ``band``: (N, C * kh * kw, rows * OW)."""
    layer = config.layer
    down, right = layer.stride
    views = np.lib.stride_tricks.sliding_window_view(frames, layer.kernel_shape, axis=(2, 3))
    views = views[:, :, band.start * down : (band.stop - 1) * down + 1 : down, ::right]
    cells = views.transpose(0, 1, 4, 5, 2, 3)  # N, C, kh, kw, rows, OW
    return cells.reshape(len(frames), layer.channels * layer.taps, -1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sw.reference",
        description="The golden model on your images: the outputs that the RTL must give, and the "
        "counters that it must show. Takes and writes what python -m sim.run does.",
        epilog="Exit status: 0 done, 2 input that cannot be used (nothing is written then). "
        "Example: python -m sw.reference --config cifar10-layer1 --images samples:cifar10:200 "
        "--out y.npz --json counters.json",
    )
    add_arguments(parser)
    add_run_arguments(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if is_network(arguments.config):
        return _network(arguments)
    config = from_arguments(arguments)
    check_outputs(arguments.out, arguments.json)
    images = load_images(arguments.images, config)
    model = CounterModel(config)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("outputs", total=len(images))
        outputs = run(images, config, progress=lambda done: progress.advance(task, done))
        task = progress.add_task("counters", total=len(images))
        for image in images:
            model.feed(image[np.newaxis])
            progress.advance(task)
    write_outputs(arguments.out, {"y": outputs}, arguments.json, model.counters)
    return 0


def _network(arguments: argparse.Namespace) -> int:
    """The same for a network: logits and labels."""
    config = plan(network_from_arguments(arguments)).config
    check_outputs(arguments.out, arguments.json)
    images = load_network_images(arguments.images, config)
    for remark in config.remarks:
        print(f"note: {remark}", file=sys.stderr)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("images", total=len(images))
        outputs = network_reference.run(
            images, config.network, progress=lambda done: progress.advance(task, done)
        )
    counters = predict(config, len(images), skipped_steps(images, config))
    write_outputs(arguments.out, outputs.arrays, arguments.json, counters)
    say_accuracy(arguments.images, outputs.arrays)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m sw.reference")


if __name__ == "__main__":
    raise SystemExit(main())
