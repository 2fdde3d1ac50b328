"""The multiply-reuse table: no input value meets a channel's weights twice."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.cam import Cam
from hw.blocks.miss_unit import MissUnit, TableGeometry
from hw.blocks.raster import pixel_layout
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from sw.config import EngineConfig

__all__ = ["ReuseTable", "table_events_layout"]


def table_events_layout(channels: int) -> data.StructLayout:
    """What the table did in a cycle: a beat looked up, of it ``hits``; a miss filled; a stall."""
    return data.StructLayout({"lookup": 1, "hits": range(channels + 1), "miss": 1, "stall": 1})


class ReuseTable(wiring.Component):
    """Deliver the products of every channel's value with all its weights, remembered or computed.

    o.payload[c][p](t) = i.payload.pixel[c](t - 3) * weight[c][p]                  (1)

    One :class:`~hw.blocks.cam.Cam` and one product memory a channel; a hit takes no time. A beat
    with misses holds the stream while the :class:`~hw.blocks.miss_unit.MissUnit` fills them, one
    channel after the other, ``geometry.fill_cycles`` each; so a beat waits at most
    ``channels * fill_cycles`` cycles. Otherwise beat-synchronous: ``o.valid`` and ``i.ready``
    follow ``i.valid`` and ``o.ready`` in the same cycle. Beats that are not ``live`` are not
    looked up and their products are arbitrary.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel.

    Members
    -------
    i : ``In(stream.Signature({"pixel": pixel_layout, "live": 1}))``
    o : ``Out(WideStreamSignature(product, channels, products))``
    i_next : ``Out(1)``
        Whether no channel will miss in the next cycle; combinational.
    i_weight, swap : as :class:`~hw.blocks.miss_unit.MissUnit`
        ``swap`` empties the table; not while one of the last two beats that came was ``live``.
    flush : ``In(1)``
        Empty the table, at any time: the beat that is being looked up keeps its products, and
        its misses are remembered.
    events : ``Out(table_events_layout(channels))``
    """

    i: stream.Interface
    o: WideStream
    i_next: Signal
    i_weight: stream.Interface
    swap: Signal
    flush: Signal
    events: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.geometry = g = TableGeometry(config)
        weight = config.learned_weight.transpose(1, 0, 2, 3).reshape(g.channels, g.products)
        initial = [0] * (g.channels * g.stride)
        for c in range(g.channels):
            initial[c * g.stride : c * g.stride + g.products] = weight[c].tolist()
        self.miss_unit = MissUnit(g, initial)
        beat = data.StructLayout({"pixel": pixel_layout(config.layer), "live": 1})
        super().__init__(
            {
                "i": In(stream.Signature(beat)),
                "o": Out(WideStreamSignature(g.product_shape, g.channels, g.products)),
                "i_next": Out(1),
                "i_weight": self.miss_unit.signature.members["i_weight"],
                "swap": In(1),
                "flush": In(1),
                "events": Out(table_events_layout(g.channels)),
            }
        )

    @property
    def latency(self) -> int:
        """Beats from a pixel to its products: match, encode, read."""
        return 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        step = Signal()
        live = Signal()
        live_next = Signal()
        compared = Signal()
        missing = Signal(g.channels)
        missing_next = Signal(g.channels)
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~missing.any()),
            self.i.ready.eq(self.o.ready & ~missing.any()),
            step.eq(self.i.valid & self.i.ready),
            live_next.eq(Mux(step, compared, live)),
            self.i_next.eq(~missing_next.any()),
        ]
        m.d.sync += [live.eq(live_next), missing.eq(missing_next)]
        with m.If(step):
            m.d.sync += compared.eq(self.i.payload.live)
        m.submodules.miss_unit = self.miss_unit
        m.d.comb += self.miss_unit.swap.eq(self.swap)
        wiring.connect(m, wiring.flipped(self.i_weight), self.miss_unit.i_weight)
        cams = self._cams(m, step)
        for c, cam in enumerate(cams):
            m.d.comb += missing_next[c].eq(~cam.hit_next & live_next)
            self._product_memory(m, c, cam, step)
        self._request(m, missing, cams)
        self._count(m, step, live, missing)
        return m

    def _cams(self, m: Module, step: Signal) -> list[Cam]:
        """Stages 1 and 2: one CAM a channel, all moving with the beat."""
        g = self.geometry
        flush = Signal()
        m.d.comb += flush.eq(self.flush | self.swap)
        cams = [Cam(g.key_shape, g.entries) for _ in range(g.channels)]
        for c, cam in enumerate(cams):
            m.submodules[f"cam_{c}"] = cam
            m.d.comb += [
                cam.i.payload.eq(self.i.payload.pixel[c]),
                cam.i.valid.eq(step),
                cam.o.ready.eq(1),
                cam.flush.eq(flush),
            ]
        return cams

    def _product_memory(self, m: Module, c: int, cam: Cam, step: Signal) -> None:
        """Stage 3: read channel ``c``'s products, a memory a group of lanes.

        A read never meets a write of the same cycle: the one needs a step, the other a miss.
        """
        g = self.geometry
        width = g.product_shape.width
        filled = self.miss_unit.o
        products = self.o.payload[c]
        for group in range(g.groups):
            lanes = g.lanes_of(group)
            memory = Memory(
                shape=lanes * width, depth=g.entries, init=[], attrs={"no_rw_check": "1"}
            )
            m.submodules[f"products_{c}_{group}"] = memory
            write, read = memory.write_port(), memory.read_port()
            first = group * g.lanes
            m.d.comb += [
                write.addr.eq(cam.victim),
                write.data.eq(Value.cast(filled.payload.products)[: lanes * width]),
                write.en.eq(
                    filled.valid & (filled.payload.channel == c) & (filled.payload.group == group)
                ),
                read.addr.eq(cam.o.payload.index),
                read.en.eq(step),
                Cat(products[first : first + lanes]).eq(read.data),
            ]

    def _request(self, m: Module, missing: Signal, cams: list[Cam]) -> None:
        """Ask for the products of the lowest channel that misses; remember its key when done."""
        request = self.miss_unit.i
        channel = request.payload.channel
        for c in reversed(range(len(cams))):
            with m.If(missing[c]):
                m.d.comb += channel.eq(c)
        m.d.comb += [
            request.valid.eq(missing.any()),
            request.payload.key.eq(Array(cam.o.payload.key for cam in cams)[channel]),
        ]
        for c, cam in enumerate(cams):
            m.d.comb += cam.insert.eq(request.valid & request.ready & (channel == c))

    def _count(self, m: Module, step: Signal, live: Signal, missing: Signal) -> None:
        """Report the events of this cycle."""
        g = self.geometry
        filled = Signal()
        missed = Signal(range(g.channels + 1))
        m.d.comb += [
            filled.eq(self.miss_unit.i.valid & self.miss_unit.i.ready),
            self.events.lookup.eq(step & live),
            self.events.hits.eq(Mux(step & live, g.channels - missed, 0)),
            self.events.miss.eq(filled),
            self.events.stall.eq(missing.any()),
        ]
        with m.If(step):
            m.d.sync += missed.eq(0)
        with m.Elif(filled):
            m.d.sync += missed.eq(missed + 1)
