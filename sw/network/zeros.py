"""Zero activations: how many enter a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray

from .graph import Conv, Dense, Network
from .reference import trace

__all__ = ["LayerZeros", "layer_zeros"]


@dataclass(frozen=True, kw_only=True)
class LayerZeros:
    """Of what enters a layer.

    Parameters
    ----------
    layer : str
    values, zeros : int
    """

    layer: str
    values: int
    zeros: int

    def __add__(self, other: LayerZeros) -> LayerZeros:
        """On further images."""
        return LayerZeros(
            layer=self.layer, values=self.values + other.values, zeros=self.zeros + other.zeros
        )


def _entering(
    images: npt.NDArray[np.integer], network: Network
) -> Iterator[tuple[Conv | Dense, IntArray]]:
    """(layer, the frames that enter it) of each layer that multiplies."""
    values = images.astype(np.int64) - network.input_zero_point
    for layer, (_, following) in zip(network.layers, trace(images, network), strict=True):
        if isinstance(layer, Conv | Dense):
            yield layer, values
        values = following


def layer_zeros(images: npt.NDArray[np.integer], network: Network) -> list[LayerZeros]:
    """Of each layer that multiplies."""
    return [
        LayerZeros(
            layer=layer.name,
            values=values.size,
            zeros=values.size - int(np.count_nonzero(values)),
        )
        for layer, values in _entering(images, network)
    ]
