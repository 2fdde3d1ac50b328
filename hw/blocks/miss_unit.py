"""The shared multipliers: products of one input value with every weight of its channel."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.organisations import KEY_TABLES
from hw.fold import FoldGeometry
from hw.protection import Guard, state
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["MissUnit", "TableGeometry", "request_layout", "results_layout"]

_CARRIED = ("channel", "entry", "group", "last")
"""What goes with a group to its products; guarded, also whether it is a ``repair``."""


class TableGeometry:
    """Sizes of the reuse table of ``config``.

    Attributes
    ----------
    channels, entries : int
    fold : FoldGeometry
    products : int
        Learned weights of a channel, ``L * kh * kw``: products a hit delivers.
    row_products : int
        Those that are delivered at once: of one group of kernels.
    lanes : int
        Multipliers, no more than a row takes.
    row_groups : int
        Cycles of multiplication for a row.
    groups : int
        The same for one miss.
    stride : int
        Places of a channel's weights, a power of two; see :meth:`place`.
    insert_cycles : int
        Cycles in which a new key gets to its place.
    guard : Guard
        How weights, keys and products are kept.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.key_shape = shape_of(config.layer.input_format.range)
        self.weight_shape = shape_of(config.layer.weight_format.range)
        self.product_shape = shape_of(config.layer.product_range)
        self.channels = config.layer.channels
        self.entries = config.table.entries
        self.insert_cycles = KEY_TABLES[config.table.organisation].insert_cycles
        self.fold = FoldGeometry(config)
        self.guard = Guard(config)
        self.products = len(config.learned) * config.layer.taps
        self.row_products = self.fold.kernels.lanes * config.layer.taps
        self.lanes = min(config.table.multipliers, 1 << ceil_log2(self.row_products))
        self.row_groups = -(-self.row_products // self.lanes)
        self.groups = self.fold.kernels.groups * self.row_groups
        self.stride = self.lanes << ceil_log2(self.groups)

    @property
    def fill_cycles(self) -> int:
        """Cycles that a beat waits for one miss alone: weights read, multiplied, written.

        And at least as many as its key takes to its place.
        """
        return max(self.groups + MissUnit.LATENCY, self.insert_cycles)

    def lanes_of(self, group: int) -> int:
        """Products in a group of a row; the last may be short."""
        return min(self.lanes, self.row_products - group * self.lanes)

    def place(self, product: int) -> int:
        """Where a product's weight is among its channel's: each row begins with a group."""
        row, rest = divmod(product, self.row_products)
        return row * self.row_groups * self.lanes + rest


def request_layout(g: TableGeometry) -> data.StructLayout:
    """A miss; or, guarded, a ``repair``, whose products are not for the tables."""
    repair = {"repair": 1} if g.guard.on else {}
    return data.StructLayout(
        {"channel": range(g.channels), "entry": range(g.entries), "key": g.key_shape, **repair}
    )


def results_layout(g: TableGeometry) -> data.StructLayout:
    """Some products of a miss: a group of one entry's in one channel; ``last`` with its last."""
    repair = {"repair": 1} if g.guard.on else {}
    return data.StructLayout(
        {
            "channel": range(g.channels),
            "entry": range(g.entries),
            "group": range(g.groups),
            "last": 1,
            **repair,
            "products": data.ArrayLayout(g.product_shape, g.lanes),
        }
    )


class MissUnit(wiring.Component):
    """Compute the products of a miss, a group of lanes a cycle, from the weights it holds.

    A request is taken with its last group, so that the next one can follow without a pause. The
    products come :attr:`LATENCY` cycles after their group was asked for.

    Parameters
    ----------
    geometry : TableGeometry
    weights : sequence of int
        Initial weights of the active set, at ``channel * stride + place(product)``.

    Members
    -------
    i : ``In(stream.Signature(request_layout(geometry)))``
        All but the key comes back with the products.
    o : ``Out(stream.Signature(results_layout(geometry), always_ready=True))``
        A group's products, and whether they are the request's ``last``.
    busy : ``Out(1)``
        A request waits, or is under way.
    i_weight : ``In(stream.Signature({"weight": ..., "first": 1, "last": 1}, always_ready))``
        The next weight of the other set: channel by channel, product by product.
    swap : ``In(1)``
        The other set becomes the active one. Not while ``busy``.
    damaged : ``Out(1)``, only guarded
        The products that are shown are those of a weight that was changed.
    """

    LATENCY = 3

    i: stream.Interface
    o: stream.Interface
    busy: Signal
    i_weight: stream.Interface
    swap: Signal
    damaged: Signal

    def __init__(self, geometry: TableGeometry, weights: list[int]) -> None:
        self.geometry = geometry
        self.weights = weights
        g = geometry
        self.carried = (*_CARRIED, "repair") if g.guard.on else _CARRIED
        weight = data.StructLayout({"weight": g.weight_shape, "first": 1, "last": 1})
        members = {
            "i": In(stream.Signature(request_layout(g))),
            "o": Out(stream.Signature(results_layout(g), always_ready=True)),
            "busy": Out(1),
            "i_weight": In(stream.Signature(weight, always_ready=True)),
            "swap": In(1),
        }
        if g.guard.on:
            members["damaged"] = Out(1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        # Stage 0: read the weights of a group. Stage 1: hold them, for the memory is slow.
        # Stage 2: multiply. Stage 3: hand on.
        group = Signal(range(g.groups))
        last = Signal()
        m.d.comb += [last.eq(group == g.groups - 1), self.i.ready.eq(last)]
        with m.If(self.i.valid):
            m.d.sync += group.eq(Mux(last, 0, group + 1))
        read = self._stage(m, 1, self.i.valid)
        held = self._stage(m, 2, read.valid)
        m.d.sync += [
            read.channel.eq(self.i.payload.channel),
            read.entry.eq(self.i.payload.entry),
            read.key.eq(self.i.payload.key),
            read.group.eq(group),
            read.last.eq(last),
            *(getattr(held, name).eq(getattr(read, name)) for name in ("key", *self.carried)),
            self.o.valid.eq(held.valid),
            *(getattr(self.o.payload, name).eq(getattr(held, name)) for name in self.carried),
        ]
        products = self.o.payload.products
        words = self._weight_memory(m, group)
        if g.guard.on:
            m.d.sync += read.repair.eq(self.i.payload.repair)
            words = self._intact(m, words, held)
        for lane, word in enumerate(words):
            weight = Signal(g.weight_shape, name=f"weight_{lane}", reset_less=True)
            m.d.sync += [weight.eq(word), products[lane].eq(weight * held.key)]
        m.d.comb += self.busy.eq(self.i.valid | read.valid | held.valid | self.o.valid)
        return m

    def _stage(self, m: Module, number: int, valid: Value) -> Any:
        """A register of what goes with a group through stage ``number``."""
        g = self.geometry
        carried = {
            "valid": 1,
            "key": g.key_shape,
            "channel": range(g.channels),
            "entry": range(g.entries),
            "group": range(g.groups),
            "last": 1,
            **({"repair": 1} if g.guard.on else {}),
        }
        stage: Any = Signal(data.StructLayout(carried), name=f"stage_{number}")
        m.d.sync += stage.valid.eq(valid)
        return stage

    def _intact(self, m: Module, words: list[Value], held: Any) -> list[Value]:
        """The weights of words; says a cycle later than they are multiplied if one was changed."""
        g = self.geometry
        damaged = Signal(g.lanes)
        m.d.sync += damaged.eq(Cat(map(g.guard.damaged, words)))
        # The last group of a row may be short: what its other lanes have is of no use.
        present = Signal(g.lanes)
        m.d.comb += present.eq((1 << g.lanes) - 1)
        for group in range(g.row_groups - 1, g.groups, g.row_groups):
            with m.If(held.group == group):
                m.d.comb += present.eq((1 << g.lanes_of(g.row_groups - 1)) - 1)
        m.d.sync += self.damaged.eq(held.valid & (damaged & present).any())
        return [word[: g.weight_shape.width] for word in words]

    def _weight_memory(self, m: Module, group: Signal) -> list[Value]:
        """Active weights of ``group`` of the channel asked for, as kept, one cycle later."""
        g = self.geometry
        lane_bits, group_bits = ceil_log2(g.lanes), ceil_log2(g.stride // g.lanes)
        bits = g.weight_shape.width
        width = g.guard.width(bits)
        kept = [g.guard.initial(weight, bits) for weight in self.weights]
        words = [
            sum(kept[n + lane] << (lane * width) for lane in range(g.lanes))
            for n in range(0, len(kept), g.lanes)
        ]
        set_bits = ceil_log2(len(words))
        memory = Memory(
            shape=g.lanes * width, depth=2 << set_bits, init=words, attrs=state("weight")
        )
        m.submodules.weights = memory
        # After a reset the active set is what it was, as its weights are.
        active = Signal(reset_less=True)
        with m.If(self.swap):
            m.d.sync += active.eq(~active)
        write, read = memory.write_port(granularity=width), memory.read_port()
        index, weight = self._index(m), Value.cast(self.i_weight.payload.weight)
        m.d.comb += [
            write.addr.eq(Cat((index >> lane_bits)[:set_bits], ~active)),
            write.en.eq(Mux(self.i_weight.valid, 1 << index[:lane_bits], 0)),
            write.data.eq(Cat([g.guard.guarded(weight)] * g.lanes)),
            read.addr.eq(Cat(group[:group_bits], self.i.payload.channel, active)),
        ]
        return [read.data.word_select(lane, width) for lane in range(g.lanes)]

    def _index(self, m: Module) -> Value:
        """Where the weight that comes belongs: ``channel * stride + place(product)``."""
        g = self.geometry
        following = Signal(range(g.channels * g.stride))
        index = Signal.like(following)
        m.d.comb += index.eq(Mux(self.i_weight.payload.first, 0, following))
        with m.If(self.i_weight.valid):
            m.d.sync += following.eq(index + 1)
            place = index & (g.stride - 1)
            for product in range(g.row_products - 1, g.products - 1, g.row_products):
                with m.If(place == g.place(product)):
                    m.d.sync += following.eq((index | (g.lanes - 1)) + 1)
            with m.If(place == g.place(g.products - 1)):
                m.d.sync += following.eq((index | (g.stride - 1)) + 1)
        return index
