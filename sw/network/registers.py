"""The registers of a network: what its control port decodes, and the host writes."""

from __future__ import annotations

from collections.abc import Iterator

from sw.numeric import IntRange
from sw.register_model import (
    DATA_BITS,
    Access,
    Axis,
    Field,
    Register,
    RegisterMap,
    Window,
    words_shown,
)
from sw.registers import CLEAR_COUNTERS, control_registers

from .graph import ArgMax, Layer, Network

__all__ = [
    "COUNTERS",
    "INDEX_BITS",
    "LAYERS_OFFSET",
    "LAYER_COUNTERS",
    "LOAD_WORDS",
    "NETWORK_ID",
    "computing",
    "counter_names",
    "network_registers",
]

NETWORK_ID = b"KTN1"

COUNTERS = ("frames", "cycles", "frame_errors")
"""Of the network, each 32 bits that wrap around."""

LAYER_COUNTERS = ("steps", "waits")
"""Of each layer, in the same way."""

_MEANINGS = {
    "frames": "frames put out, good or bad, modulo 2**32",
    "cycles": "clock cycles while frames were taken or in flight, modulo 2**32",
    "frame_errors": "frames that were too short or too long, modulo 2**32",
    "steps": "steps that it computed: cells of its windows, or an engine's outputs, modulo 2**32",
    "waits": "cycles in which its output waited for the next layer, modulo 2**32",
}

INDEX_BITS = 24
"""Of LOAD_ADDRESS: the place within the layer; above it the layer's number."""
LOAD_WORDS = 256
"""Words of the LOAD window, which are all the same, so that a host can send many at once."""

LAYERS_OFFSET = 0x1000
"""Of the layers' counters, in the order of the layers; all that is below is the network's."""

_BUILT_OFFSET = 0x010
_ADDRESS_OFFSET = 0x040
_COUNTERS_OFFSET = 0x080
_LOAD_OFFSET = 0x8000


def computing(network: Network) -> tuple[Layer, ...]:
    """The layers that have numbers and counters: all but ArgMax."""
    return tuple(layer for layer in network.layers if not isinstance(layer, ArgMax))


def counter_names(network: Network) -> tuple[str, ...]:
    """The registers of all counters, in the order in which they are counted."""
    of_layers = [f"{x.name}_{name}".upper() for x in computing(network) for name in LAYER_COUNTERS]
    return (*(name.upper() for name in COUNTERS), *of_layers)


def _control() -> Iterator[Register]:
    idle = Field(name="idle", lsb=0, meaning="stopped and drained: LOAD may be written")
    in_frame = Field(name="in_frame", lsb=1, meaning="a frame has begun and has not come whole")
    refused = Field(
        name="weights_refused",
        lsb=2,
        meaning="an incomplete set of an engine's weights was dropped; clear_counters clears it",
    )
    yield from control_registers(
        NETWORK_ID,
        of="network",
        pulses=(CLEAR_COUNTERS,),
        status=(idle, in_frame, refused),
    )


def _built(network: Network) -> Iterator[Register]:
    """What was built, a word each."""
    channels, height, width = network.input_shape
    outputs, rows, columns = network.output_shape
    words = (
        ("CHANNELS", channels, "input channels"),
        ("HEIGHT", height, "rows of a frame"),
        ("WIDTH", width, "columns of a frame"),
        ("LAYERS", len(computing(network)), "layers that compute"),
        ("OUTPUTS", outputs * rows * columns, "values of a frame that leave, without the label"),
        ("LABELS", int(network.classifies), "1: a label follows the values"),
        ("DIGEST", int(network.digest[:8], 16), "first 32 bits of the network's SHA-256"),
    )
    yield from words_shown(_BUILT_OFFSET, words)


def _counters(network: Network) -> Iterator[Register]:
    yield from words_shown(
        _COUNTERS_OFFSET, ((name.upper(), None, _MEANINGS[name]) for name in COUNTERS)
    )
    words = [(layer.name, name) for layer in computing(network) for name in LAYER_COUNTERS]
    yield from words_shown(
        LAYERS_OFFSET,
        ((f"{layer}_{name}".upper(), None, f"{layer}: {_MEANINGS[name]}") for layer, name in words),
    )


def network_registers(network: Network) -> RegisterMap:
    """The registers of a network's control port."""
    address = Register(
        name="LOAD_ADDRESS",
        offset=_ADDRESS_OFFSET,
        access=Access.READ_WRITE,
        fields=(
            Field(name="index", lsb=0, width=INDEX_BITS, meaning="place within the layer"),
            Field(
                name="layer",
                lsb=INDEX_BITS,
                width=DATA_BITS - INDEX_BITS,
                meaning="the layer's number, from 0",
            ),
        ),
        meaning="where the next word of LOAD goes; each word moves it on by one",
    )
    load = Window(
        name="LOAD",
        offset=_LOAD_OFFSET,
        inner=(Axis(name="word", size=LOAD_WORDS),),
        limits=IntRange.of_bits(DATA_BITS, signed=True),
        meaning="a word for the place that LOAD_ADDRESS names, whichever of these is written",
    )
    return RegisterMap(
        registers=(*_control(), *_built(network), address, *_counters(network)), windows=(load,)
    )
