"""Make the layer files of the named configurations: the paper's layers before training.

``python -m sw.initial --out DIR`` draws them again: templates at 3 sigma of the paper's
initialiser, the learned kernels Gaussian with a standard deviation of 1/sqrt(fan_in), rounded to
units of 2**-8 and not saturated to 8 bits (``fixed8``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import cli
from .configfile import CONFIG_FOLDER
from .numeric import FixedFormat, IntRange
from .spec import LayerSpec, save_layer
from .templates import Pattern, hlac25, local_binary_patterns

__all__ = ["initial_kernels", "main", "template_magnitude", "templated_layer"]


def template_magnitude(fan_in: int) -> float:
    """The A of templates before rounding: 3 sigma of the initialiser, ``3 / sqrt(fan_in)``."""
    return 3 * fan_in**-0.5


def initial_kernels(
    *, channels: int, kernels: int, bank: Pattern | None, seed: int
) -> npt.NDArray[np.float64]:
    """3x3 kernels before training, (kernels, channels, 3, 3), the first ones those of ``bank``.

    Parameters
    ----------
    channels, kernels : int
        ``kernels``: those of the bank included.
    bank : Pattern, shape (N, 3, 3), optional
        The same mask in every channel.
    seed : int
        Of the learned kernels. All ``kernels`` are drawn, so that the layers with and without a
        bank have the same learned kernels where both have one.
    """
    fan_in = channels * 9
    drawn = np.random.default_rng(seed).normal(0.0, fan_in**-0.5, (kernels, channels, 3, 3))
    if bank is not None:
        drawn[: len(bank)] = template_magnitude(fan_in) * bank[:, np.newaxis]
    return drawn


def templated_layer(
    *, input_shape: tuple[int, int, int], kernels: int, bank: Pattern | None, seed: int
) -> LayerSpec:
    """The :func:`initial_kernels` in ``fixed8``, for frames of ``input_shape`` (C, H, W)."""
    drawn = initial_kernels(channels=input_shape[0], kernels=kernels, bank=bank, seed=seed)
    largest = int(np.abs(np.rint(drawn * 256)).max())
    weight_format = FixedFormat(bits=max(9, IntRange(-largest, largest).bits), frac=8, signed=True)
    weight = weight_format.quantise(drawn)
    return LayerSpec(weight=weight, input_shape=input_shape, weight_format=weight_format)


def _named_layers() -> dict[str, LayerSpec]:
    cifar10, mnist = (3, 32, 32), (1, 28, 28)
    return {
        "cifar10-layer1": templated_layer(
            input_shape=cifar10, kernels=32, bank=hlac25(), seed=2026
        ),
        "cifar10-layer1-plain": templated_layer(
            input_shape=cifar10, kernels=32, bank=None, seed=2026
        ),
        "hlac25-bank": templated_layer(input_shape=cifar10, kernels=25, bank=hlac25(), seed=2026),
        "mnist-hlac25": templated_layer(input_shape=mnist, kernels=25, bank=hlac25(), seed=2026),
        "mnist-layer1": templated_layer(input_shape=mnist, kernels=32, bank=hlac25(), seed=2026),
        "tiny": templated_layer(
            input_shape=(2, 6, 7), kernels=6, bank=local_binary_patterns()[:4], seed=2026
        ),
    }


def _command(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sw.initial",
        description="Draw the layer files of the named configurations again.",
    )
    parser.add_argument("--out", type=Path, default=CONFIG_FOLDER, help="folder to write to")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, layer in _named_layers().items():
        save_layer(arguments.out / f"{name}.npz", layer)
        print(arguments.out / f"{name}.npz")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Write the layer files; the same bytes each time."""
    return cli.run(lambda: _command(argv), prog="python -m sw.initial")


if __name__ == "__main__":
    raise SystemExit(main())
