"""A session with a network behind a host link: images in, logits and labels back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sw.images import Images
from sw.line import Link, LinkError
from sw.session import PATIENCE, Built, FrameSession

from .config import NetworkConfig
from .counters import COUNTER_MODULUS, NetworkCounters, frame_steps, skipping
from .link import network_identity
from .loading import load_writes
from .packing import NetworkOutputs, output_beats, output_bytes, pack, unpack
from .planner import cycles_of
from .registers import COUNTERS, LAYER_COUNTERS, computing, counter_names, network_registers

__all__ = ["NetworkSession", "counters_of"]

_FRAMES = 4
"""Frames' time that may pass without a value in or out."""
_QUIET_CYCLES = 256
"""Cycles of an exchange in which nothing moves, at least: ``hw.blocks.link_bridge``."""


class NetworkSession(FrameSession):
    """A network, and what a host does with it.

    Parameters
    ----------
    link : Link
    config : NetworkConfig
        What it was built from, with every layer's settings filled in; its weights are there.
    """

    def __init__(self, link: Link, config: NetworkConfig) -> None:
        self.config = config
        network = config.network
        built = Built(
            name=config.name,
            registers=network_registers(network),
            identity=network_identity(config),
            setup=(),
            frame_bytes=output_beats(network) * output_bytes(network),
            differs="layers, weights or formats",
            patience=PATIENCE + _FRAMES * cycles_of(config) // _QUIET_CYCLES,
        )
        super().__init__(link, built)

    def load_weights(self, config: NetworkConfig) -> None:
        """Load the weights and biases of a network that differs in these alone.

        Raises
        ------
        ConfigError
            If it differs in more.
        LinkError
            If the link fails, or a set is refused.
        """
        self.load(load_writes(config, self.config))
        if self.read("STATUS") & self.registers.bits("STATUS", "weights_refused"):
            raise LinkError("the network refused a set of weights: begin the session anew")

    def run(
        self, images: Images, on_frame: Callable[[int], None] | None = None
    ) -> tuple[NetworkOutputs, NetworkCounters]:
        """Send images, take what the network says of them, and read the counters.

        Parameters
        ----------
        images : Images, shape (N, C, H, W)
            With the zero point.
        on_frame : function, optional
            Called with the number of frames done.

        Raises
        ------
        LinkError
            If the link fails, or what comes is not what a network puts out.
        """
        network = self.config.network
        outputs = self.exchange(pack(images, network), on_frame)
        shape = (len(images), output_beats(network), output_bytes(network))
        beats = np.frombuffer(outputs, np.uint8).reshape(shape)
        return unpack(beats, network), self.counters()

    def counters(self) -> NetworkCounters:
        """All counters."""
        found = {name: self.read(name) for name in counter_names(self.config.network)}
        return counters_of(self.config, found)


def counters_of(config: NetworkConfig, found: dict[str, int]) -> NetworkCounters:
    """The counters, from the words of their registers by name."""
    network = config.network
    frames, cycles, errors = (found[name.upper()] for name in COUNTERS)
    layers: dict[str, dict[str, int | None]] = {
        layer.name: {
            "multiplications_needed": frames * layer.multiplications,
            **{name: found[f"{layer.name}_{name}".upper()] for name in LAYER_COUNTERS},
        }
        for layer in computing(network)
    }
    plans = skipping(config)
    for layer in computing(network):
        if layer.name in plans:
            every = frames * frame_steps(layer, plans[layer.name])
            steps = found[f"{layer.name}_steps".upper()]
            layers[layer.name]["skipped"] = (every - steps) % COUNTER_MODULUS
    return NetworkCounters(
        frames=frames,
        cycles=cycles,
        frame_errors=errors,
        multiplications_needed=frames * network.multiplications,
        layers=layers,
    )
