"""The counters of a network: what its layers had to do for so many frames."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import Network

__all__ = ["NetworkCounters", "predict"]


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


def predict(network: Network, frames: int) -> NetworkCounters:
    """The counters after reset and so many whole frames."""
    return NetworkCounters(
        frames=frames,
        multiplications_needed=frames * network.multiplications,
        layers={
            layer.name: {"multiplications_needed": frames * layer.multiplications}
            for layer in network.layers
        },
    )
