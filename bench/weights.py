"""The paper's first CIFAR-10 layer with the weights of each row: 32x32x3, valid 3x3."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sw.config import EngineConfig
from sw.configfile import load_config
from sw.numeric import FixedFormat, IntArray, IntRange
from sw.spec import LayerSpec
from sw.templates import hlac25

__all__ = ["CHANNELS", "INPUT_SHAPE", "TEMPLATES", "golden_config", "kernels", "weights_names"]

CHANNELS = 3
INPUT_SHAPE = (CHANNELS, 32, 32)
TEMPLATES = 25
_SEED = 2026


def _templates(magnitude: int) -> IntArray:
    return magnitude * np.repeat(hlac25()[:, np.newaxis].astype(np.int64), CHANNELS, axis=1)


def _uniform(count: int) -> IntArray:
    drawn = np.random.default_rng(_SEED).integers(-128, 128, (count, CHANNELS, 3, 3))
    return drawn.astype(np.int64)


_WEIGHTS: dict[str, Callable[[], IntArray]] = {
    "templates": lambda: _templates(74),
    "templates, 1": lambda: _templates(1),
    "templates + 7 uniform": lambda: np.concatenate([_templates(74), _uniform(7)]),
    "templates + 7 Gaussian": lambda: load_config("cifar10-layer1").layer.weight,
    "32 uniform": lambda: _uniform(32),
}


def weights_names() -> list[str]:
    """Every set of weights there is."""
    return list(_WEIGHTS)


def kernels(name: str) -> IntArray:
    """A set of weights, shape (K, 3, 3, 3).

    The uniform ones are int8; the Gaussian ones, and the templates beside them, are those of
    ``cifar10-layer1``.
    """
    return _WEIGHTS[name]()


def golden_config(weight: IntArray) -> EngineConfig:
    """What the golden model computes these weights with: a plain convolution, no template."""
    bits = max(9, IntRange(int(weight.min()), int(weight.max())).bits)
    layer = LayerSpec(
        weight=weight,
        input_shape=INPUT_SHAPE,
        weight_format=FixedFormat(bits=bits, frac=8, signed=True),
    )
    return EngineConfig(name="golden", layer=layer, templates="none")
