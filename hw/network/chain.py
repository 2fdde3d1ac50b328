"""The layers of a network, one behind the other: pixels in, logits and a label out."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from amaranth.hdl import Module, Shape
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.argmax import ArgMaxLayer
from hw.network.engine_layer import EngineLayer
from hw.network.lane_converter import LaneConverter
from hw.network.mac_layer import MacLayer
from hw.network.pool_layer import PoolLayer
from hw.network.streams import value_layout
from hw.shapes import shape_of
from sw.network.graph import ArgMax, Conv, Dense, Network, Pool
from sw.network.plan import EnginePlan, LayerPlan, MacPlan, PoolPlan

__all__ = ["Chain", "ComputingLayer", "layer_block", "output_shape"]

ComputingLayer = MacLayer | PoolLayer | EngineLayer


def output_shape(network: Network) -> Shape:
    """The word that leaves: it holds every logit, and every label."""
    limits = network.output_range
    if network.classifies:
        limits = limits.union(network.layers[-1].output_range)
    return shape_of(limits)


def layer_block(layer: Conv | Dense | Pool, plan: LayerPlan) -> ComputingLayer:
    """The layer's block."""
    match layer, plan:
        case Pool(), PoolPlan():
            return PoolLayer(layer, plan)
        case Conv(), EnginePlan():
            return EngineLayer(layer, plan.config)
        case ((Conv() | Dense()), MacPlan()):
            return MacLayer(layer, plan)
    raise ValueError(f"layer {layer.name}: a {type(layer).__name__} is not built as {plan}")


class Chain(wiring.Component):
    """Send frames through all layers; every layer works on its own part of the stream.

    A layer waits until its rows are there and until the next one has room: nothing is lost and
    nothing need be sized, since a chain has one way only. Between two layers that take and give
    different numbers of channels a beat stand converters. Whoever feeds it must send whole frames
    (:class:`~hw.network.frame_guard.FrameGuard`).

    Parameters
    ----------
    network : Network
    plans : sequence of LayerPlan
        Of each layer but ArgMax.

    Members
    -------
    i : ``In(stream.Signature(value_layout(input_range, C)))``
    o : ``Out(stream.Signature(value_layout(output_shape(network), 1)))``
        One value a beat: the last frame pixel by pixel, or the logits and then the label.
    write_N : as the layer's ``i_write``, for each layer N that has one
        Counted from 0.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, network: Network, plans: Sequence[LayerPlan]) -> None:
        self.network = network
        computing = [layer for layer in network.layers if not isinstance(layer, ArgMax)]
        self.layers = [layer_block(*pair) for pair in zip(computing, plans, strict=True)]
        self.value = shape_of(network.input_range)
        channels = network.input_shape[0]
        members = {
            "i": In(stream.Signature(value_layout(self.value, channels))),
            "o": Out(stream.Signature(value_layout(output_shape(network), 1))),
        }
        for n, layer in enumerate(self.layers):
            if "i_write" in layer.signature.members:
                members[f"write_{n}"] = layer.signature.members["i_write"]
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        channels, source = self.network.input_shape[0], self.i
        for n, layer in enumerate(self.layers):
            m.submodules[layer.layer.name] = layer
            source = _converted(m, source, channels, _lanes(layer.i), layer.layer.name)
            _connect(m, source, layer.i)
            source, channels = layer.o, layer.layer.output_shape[0]
            if not isinstance(layer, PoolLayer) and hasattr(self, f"write_{n}"):
                wiring.connect(m, wiring.flipped(getattr(self, f"write_{n}")), layer.i_write)
        source = _converted(m, source, channels, 1, "out")
        last = self.network.layers[-1]
        if isinstance(last, ArgMax):
            logit = source.payload["values"].shape().elem_shape
            argmax = ArgMaxLayer(logit, output_shape(self.network), last.classes)
            m.submodules[last.name] = argmax
            _connect(m, source, argmax.i)
            source = argmax.o
        _connect(m, source, self.o)
        return m


def _lanes(port: stream.Interface) -> int:
    return port.payload["values"].shape().length


def _connect(m: Module, source: stream.Interface, sink: stream.Interface) -> None:
    """As :func:`wiring.connect`; a value of a narrower word is extended by its sign."""
    m.d.comb += [
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
        sink.payload.last.eq(source.payload.last),
        sink.payload.bad.eq(source.payload.bad),
    ]
    for one, other in zip(sink.payload["values"], source.payload["values"], strict=True):
        m.d.comb += one.eq(other)


def _converted(
    m: Module, source: stream.Interface, channels: int, lanes: int, name: str
) -> stream.Interface:
    """The stream with so many channels a beat; by way of the common divisor, if need be."""
    given = _lanes(source)
    if given == lanes:
        return source
    common = gcd(given, lanes)
    for n, target in enumerate([common, lanes] if common not in (given, lanes) else [lanes]):
        value = source.payload["values"].shape().elem_shape
        converter = LaneConverter(value, channels=channels, inputs=_lanes(source), outputs=target)
        m.submodules[f"{name}_lanes_{n}"] = converter
        _connect(m, source, converter.i)
        source = converter.o
    return source
