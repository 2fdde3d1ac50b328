"""The shared multipliers: products of one input value with every weight of its channel."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["MissUnit", "TableGeometry"]


class TableGeometry:
    """Sizes of the reuse table of ``config``.

    Attributes
    ----------
    channels, entries : int
    products : int
        Learned weights of a channel, ``L * kh * kw``: products a hit delivers.
    stride : int
        ``products`` rounded up to a power of two: weights of a channel in the address space.
    lanes : int
        Multipliers, at most ``stride``.
    groups : int
        Cycles of multiplication for one miss.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.key_shape = shape_of(config.layer.input_format.range)
        self.weight_shape = shape_of(config.layer.weight_format.range)
        self.product_shape = shape_of(config.layer.product_range)
        self.channels = config.layer.channels
        self.entries = config.table.entries
        self.products = len(config.learned) * config.layer.taps
        self.stride = 1 << ceil_log2(self.products)
        self.lanes = min(config.table.multipliers, self.stride)
        self.groups = -(-self.products // self.lanes)

    @property
    def fill_cycles(self) -> int:
        """Cycles that a beat waits for one miss: weights read, multiplied, written."""
        return self.groups + 3

    def lanes_of(self, group: int) -> int:
        """Products in a group; the last may be short."""
        return min(self.lanes, self.products - group * self.lanes)


class MissUnit(wiring.Component):
    """Compute the products of a miss, a group of lanes a cycle, from the weights it holds.

    While ``i.valid``, which must last until ``i.ready``, the groups of ``i.payload`` come out
    one a cycle; the last comes with ``i.ready``, ``fill_cycles`` after the start.

    Parameters
    ----------
    geometry : TableGeometry
    weights : sequence of int
        Initial weights of the active set, at ``channel * stride + product``.

    Members
    -------
    i : ``In(stream.Signature({"channel": range(channels), "key": key_shape}))``
    o : ``Out(stream.Signature({"channel": ..., "group": ..., "products": ...}, always_ready))``
    i_weight : ``In(stream.Signature({"weight": ..., "first": 1, "last": 1}, always_ready))``
        The next weight of the other set: channel by channel, product by product.
    swap : ``In(1)``
        The other set becomes the active one. Not while ``i.valid``.
    """

    i: stream.Interface
    o: stream.Interface
    i_weight: stream.Interface
    swap: Signal

    def __init__(self, geometry: TableGeometry, weights: list[int]) -> None:
        self.geometry = geometry
        self.weights = weights
        g = geometry
        channel = range(g.channels)
        products = data.ArrayLayout(g.product_shape, g.lanes)
        super().__init__(
            {
                "i": In(
                    stream.Signature(data.StructLayout({"channel": channel, "key": g.key_shape}))
                ),
                "o": Out(
                    stream.Signature(
                        data.StructLayout(
                            {"channel": channel, "group": range(g.groups), "products": products}
                        ),
                        always_ready=True,
                    )
                ),
                "i_weight": In(
                    stream.Signature(
                        data.StructLayout({"weight": g.weight_shape, "first": 1, "last": 1}),
                        always_ready=True,
                    )
                ),
                "swap": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        # Stage 0: read the weights of group `phase`. Stage 1: hold them, for the memory is slow.
        # Stage 2: multiply. Stage 3: hand on.
        phase = Signal(range(g.fill_cycles))
        m.d.comb += self.i.ready.eq(phase == g.fill_cycles - 1)
        with m.If(self.i.valid):
            m.d.sync += phase.eq(Mux(self.i.ready, 0, phase + 1))
        words = self._weight_memory(m, phase)
        channel = Signal(range(g.channels))
        key = Signal(g.key_shape)
        m.d.sync += [channel.eq(self.i.payload.channel), key.eq(self.i.payload.key)]
        products = self.o.payload.products
        for lane, word in enumerate(words):
            weight = Signal(g.weight_shape, name=f"weight_{lane}", reset_less=True)
            m.d.sync += [weight.eq(word), products[lane].eq(weight * key)]
        m.d.comb += [
            self.o.valid.eq(self.i.valid & (phase >= 3)),
            self.o.payload.channel.eq(channel),
            self.o.payload.group.eq(phase - 3),
        ]
        return m

    def _weight_memory(self, m: Module, phase: Signal) -> list[Value]:
        """Active weights of group ``phase`` of the channel asked for, one cycle later."""
        g = self.geometry
        lane_bits, group_bits = ceil_log2(g.lanes), ceil_log2(g.stride // g.lanes)
        width = g.weight_shape.width
        mask = (1 << width) - 1
        words = [
            sum((self.weights[n + lane] & mask) << (lane * width) for lane in range(g.lanes))
            for n in range(0, len(self.weights), g.lanes)
        ]
        set_bits = ceil_log2(len(words))
        memory = Memory(shape=g.lanes * width, depth=2 << set_bits, init=words)
        m.submodules.weights = memory
        # After a reset the active set is what it was, as its weights are.
        active = Signal(reset_less=True)
        with m.If(self.swap):
            m.d.sync += active.eq(~active)
        write, read = memory.write_port(granularity=width), memory.read_port()
        index = self._index(m)
        m.d.comb += [
            write.addr.eq(Cat((index >> lane_bits)[:set_bits], ~active)),
            write.en.eq(Mux(self.i_weight.valid, 1 << index[:lane_bits], 0)),
            write.data.eq(Cat([self.i_weight.payload.weight] * g.lanes)),
            read.addr.eq(Cat(phase[:group_bits], self.i.payload.channel, active)),
        ]
        return [read.data.word_select(lane, width) for lane in range(g.lanes)]

    def _index(self, m: Module) -> Value:
        """Where the weight that comes belongs: ``channel * stride + product``."""
        g = self.geometry
        following = Signal(range(g.channels * g.stride))
        index = Signal.like(following)
        m.d.comb += index.eq(Mux(self.i_weight.payload.first, 0, following))
        with m.If(self.i_weight.valid):
            m.d.sync += following.eq(index + 1)
            with m.If((index & (g.stride - 1)) == g.products - 1):
                m.d.sync += following.eq((index | (g.stride - 1)) + 1)
        return index
