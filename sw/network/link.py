"""What a network says of itself on the host link."""

from __future__ import annotations

from sw.link import PROTOCOL

from .config import NetworkConfig
from .packing import input_bytes, output_bytes

__all__ = ["network_identity"]


def network_identity(config: NetworkConfig) -> bytes:
    """The answer to HELLO: protocol, bytes of a pixel and of a value that leaves, digest."""
    network = config.network
    sizes = (
        input_bytes(network).to_bytes(1, "little"),
        output_bytes(network).to_bytes(2, "little"),
    )
    return bytes((PROTOCOL,)) + b"".join(sizes) + bytes.fromhex(network.digest[:8])
