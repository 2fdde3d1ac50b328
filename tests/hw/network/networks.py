"""Small networks, built by hand."""

from __future__ import annotations

import numpy as np

from sw.network.graph import ArgMax, Conv, Dense, Network, Pool, Requantise
from sw.numeric import FixedFormat, IntRange
from sw.spec import LayerSpec, Padding

BYTE = IntRange(0, 255)


def ones(channels: int, shift: int, limits: IntRange = BYTE) -> Requantise:
    """A shift and a clamp."""
    return Requantise(multiplier=np.ones(channels, np.int64), shift=shift, limits=limits)


def conv(
    name: str, rng: np.random.Generator, kernels: int, shape: tuple[int, int, int], padding: int = 1
) -> Conv:
    """A 3x3 convolution with ReLU."""
    spec = LayerSpec(
        weight=rng.integers(-60, 61, (kernels, shape[0], 3, 3)),
        input_shape=shape,
        input_format=FixedFormat(bits=8, frac=0, signed=False),
        weight_format=FixedFormat(bits=8, frac=0, signed=True),
        bias=rng.integers(-2000, 2000, kernels),
        padding=Padding.of([padding]),
    )
    return Conv(name=name, spec=spec, input_range=BYTE, requantise=ones(kernels, 7))


def pool(name: str, shape: tuple[int, int, int], kind: str = "max", size: int = 2) -> Pool:
    """A pool of windows side by side."""
    finish = None if kind == "max" else ones(shape[0], (size * size).bit_length() - 1)
    return Pool(
        name=name,
        kind=kind,  # pyright: ignore[reportArgumentType]
        input_shape=shape,
        kernel=(size, size),
        stride=(size, size),
        input_range=BYTE,
        requantise=finish,
    )


def dense(name: str, rng: np.random.Generator, outputs: int, shape: tuple[int, int, int]) -> Dense:
    """Logits."""
    return Dense(
        name=name,
        weight=rng.integers(-60, 61, (outputs, *shape)),
        bias=rng.integers(-9000, 9000, outputs),
        input_range=BYTE,
    )


def small_network(
    side: int = 8,
    kernels: tuple[int, int] = (3, 4),
    classes: int = 5,
    channels: int = 1,
    seed: int = 7,
) -> Network:
    """Two convolutions, each with a pool behind it, and a dense layer."""
    rng = np.random.default_rng(seed)
    a, b = kernels
    half, quarter = side // 2, side // 4
    last = dense("dense1", rng, classes, (b, quarter, quarter))
    return Network(
        layers=(
            conv("conv1", rng, a, (channels, side, side)),
            pool("pool1", (a, side, side)),
            conv("conv2", rng, b, (a, half, half)),
            pool("pool2", (b, half, half), "average"),
            last,
            ArgMax(name="argmax", classes=classes, input_range=last.output_range),
        ),
        input_range=BYTE,
    )
