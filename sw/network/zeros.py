"""Zero activations: how many enter a layer, and how many steps of a MAC layer they make idle.

A step of :class:`hw.network.mac_layer.MacLayer` is ``channels`` values of a cell of a window. With
``skip_zeros`` it is left out if all of them are zero, except the last of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray

from .config import NetworkConfig
from .counters import skipping
from .graph import Conv, Dense, Network
from .plan import MacPlan, geometry_of
from .reference import trace
from .window import groups_of

__all__ = ["LayerZeros", "kept_steps", "layer_zeros", "skipped_steps"]

_IMAGES_AT_ONCE = 64
"""Gone through together, to bound memory."""


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


def kept_steps(frames: IntArray, layer: Conv | Dense, plan: MacPlan) -> IntArray:
    """Steps of a pass over each window that are not left out.

    Parameters
    ----------
    frames : array of int, shape (N, C, H, W)
    plan : MacPlan
        Whose ``channels`` divide C.

    Returns
    -------
    array of int, shape (N, rows, columns)
        Digits of a bias are not counted.
    """
    geometry = geometry_of(layer, plan)
    images, channels, height, width = frames.shape
    grouped = frames.reshape(images, channels // plan.channels, plan.channels, height, width)
    busy = grouped.any(axis=2)
    padding, (down, right) = geometry.padding, geometry.stride
    around = ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    padded = np.pad(busy, around)
    windows = np.lib.stride_tricks.sliding_window_view(padded, geometry.kernel, axis=(2, 3))
    windows = windows[:, :, ::down, ::right]
    last = windows[:, -1, :, :, -1, -1]
    return windows.sum(axis=(1, 4, 5), dtype=np.int64) + ~last


def skipped_steps(images: npt.NDArray[np.integer], config: NetworkConfig) -> dict[str, int]:
    """Steps that the layers with ``skip_zeros`` leave out, by the name of the layer."""
    plans = skipping(config)
    skipped = dict.fromkeys(plans, 0)
    if not plans:
        return skipped
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        for layer, frames in _entering(images[start : start + _IMAGES_AT_ONCE], config.network):
            plan = plans.get(layer.name)
            if plan is None:
                continue
            kept = kept_steps(frames, layer, plan)
            every = kept.size * geometry_of(layer, plan).cells
            passes = groups_of(layer.output_shape[0], plan.kernels)
            skipped[layer.name] += passes * (every - int(kept.sum()))
    return skipped
