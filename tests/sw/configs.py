"""Small configurations for the tests of what is refused, and what is said then."""

import numpy as np
import pytest

from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.spec import LayerSpec

__all__ = ["big_layer", "refused", "small"]


def refused(function, *args, **kwargs):
    """The message of the ConfigError that a call raises."""
    with pytest.raises(ConfigError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def small(**changes):
    """Kernel 0 is a template of magnitude 3, kernel 1 is learned, kernel 2 is empty."""
    weight = np.array([[[[3, -3]]], [[[1, 2]]], [[[0, 0]]]])
    layer = LayerSpec(weight=weight, input_shape=(1, 2, 4), **changes.pop("layer", {}))
    return EngineConfig(**{"name": "small", "layer": layer} | changes)


def big_layer(kernels):
    """64 channels of one cell: 64 learned products a kernel."""
    rng = np.random.default_rng(0)
    return LayerSpec(weight=rng.integers(-256, 256, (kernels, 64, 1, 1)), input_shape=(64, 4, 4))
