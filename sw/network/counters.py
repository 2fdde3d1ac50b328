"""The counters of a network: what its layers had to do for so many frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .config import NetworkConfig
from .graph import ArgMax, Layer
from .plan import EnginePlan, LayerPlan, MacPlan, plans_of
from .registers import computing
from .ways import steps_of

__all__ = ["COUNTER_MODULUS", "NetworkCounters", "frame_steps", "predict", "skipping"]

COUNTER_MODULUS = 1 << 32
"""Of the registers of a network: they wrap around."""


@dataclass(frozen=True, kw_only=True)
class NetworkCounters:
    """Of a network, and of each of its layers.

    Parameters
    ----------
    frames : int
        Frames that left the network.
    cycles : int, optional
        Clock cycles; None where a model without time made the others.
    frame_errors : int
        Frames that were short or long.
    multiplications_needed : int
        Of all layers without reuse, those of requantisers not counted.
    layers : mapping of layer name to its counters, by name
    """

    frames: int = 0
    cycles: int | None = None
    frame_errors: int = 0
    multiplications_needed: int = 0
    layers: dict[str, dict[str, int | None]]

    def as_dict(self) -> dict[str, object]:
        """Names to values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def skipping(config: NetworkConfig) -> dict[str, MacPlan]:
    """The layers that skip zeros, by name, and how they are built."""
    plans = zip(computing(config.network), plans_of(config), strict=True)
    return {
        layer.name: plan for layer, plan in plans if isinstance(plan, MacPlan) and plan.skip_zeros
    }


def predict(
    config: NetworkConfig, frames: int, skipped: Mapping[str, int] | None = None
) -> NetworkCounters:
    """The counters after reset and so many whole frames.

    Parameters
    ----------
    config : NetworkConfig
        With every layer's settings filled in: what a layer does in a step depends on them.
    frames : int
    skipped : mapping of layer name to int, optional
        Steps that are left out in all frames, of each layer that skips zeros:
        :func:`sw.network.zeros.skipped_steps`.

    Raises
    ------
    ValueError
        If that is not known of such a layer.
    """
    network, skipped = config.network, skipped or {}
    if set(skipped) != set(skipping(config)):
        raise ValueError("predict needs the skipped steps of every layer that skips zeros")
    return NetworkCounters(
        frames=frames,
        multiplications_needed=frames * network.multiplications,
        layers={
            layer.name: {
                "multiplications_needed": frames * layer.multiplications,
                "steps": (frames * frame_steps(layer, plan) - skipped.get(layer.name, 0))
                % COUNTER_MODULUS,
                "waits": None,
                **({"skipped": skipped[layer.name]} if layer.name in skipped else {}),
            }
            for layer, plan in zip(computing(network), plans_of(config), strict=True)
        },
    )


def frame_steps(layer: Layer, plan: LayerPlan) -> int:
    """Steps of a frame in which nothing is skipped: cells of windows, or an engine's outputs."""
    _, rows, columns = layer.output_shape
    if isinstance(plan, EnginePlan) or isinstance(layer, ArgMax):
        return rows * columns
    return rows * columns * steps_of(layer, plan)
