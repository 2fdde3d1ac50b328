"""The counters of a network: what its layers had to do for so many frames."""

from __future__ import annotations

from dataclasses import dataclass

from .config import NetworkConfig
from .graph import ArgMax, Layer
from .plan import EnginePlan, LayerPlan, plans_of
from .registers import computing
from .ways import steps_of

__all__ = ["COUNTER_MODULUS", "NetworkCounters", "predict"]

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


def predict(config: NetworkConfig, frames: int) -> NetworkCounters:
    """The counters after reset and so many whole frames.

    Parameters
    ----------
    config : NetworkConfig
        With every layer's settings filled in: what a layer does in a step depends on them.
    frames : int
    """
    network = config.network
    return NetworkCounters(
        frames=frames,
        multiplications_needed=frames * network.multiplications,
        layers={
            layer.name: {
                "multiplications_needed": frames * layer.multiplications,
                "steps": frames * _steps(layer, plan) % COUNTER_MODULUS,
                "waits": None,
            }
            for layer, plan in zip(computing(network), plans_of(config), strict=True)
        },
    )


def _steps(layer: Layer, plan: LayerPlan) -> int:
    """Of a frame: cells of windows, or an engine's outputs."""
    _, rows, columns = layer.output_shape
    if isinstance(plan, EnginePlan) or isinstance(layer, ArgMax):
        return rows * columns
    return rows * columns * steps_of(layer, plan)
