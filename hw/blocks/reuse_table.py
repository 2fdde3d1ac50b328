"""The multiply-reuse table: no input value meets a channel's weights twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.lookups import Lookups, lookup_layout
from hw.blocks.miss_unit import MissUnit, TableGeometry
from hw.blocks.product_memory import ProductMemory
from hw.blocks.product_repair import ProductRepair
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.fanout import kept_register
from hw.protection import Guard
from sw.config import EngineConfig

__all__ = ["Beat", "ReuseTable", "table_events_layout"]


@dataclass(frozen=True, kw_only=True)
class Beat:
    """Which rows a beat reads, by channel, and what they are the products of.

    ``index_next``: what ``index`` will be in the next cycle, where that is known.
    """

    index: list[Value]
    key: list[Value]
    live: Value
    index_next: list[Value] | None = None

    def kept(self, m: Module, step: Signal, reading: Signal, *, guarded: bool) -> Beat:
        """The beat until it moves with ``step``, and while ``reading`` the one that has moved."""

        def keep(value: Value, name: str) -> Value:
            register = Signal.like(value, name=name)
            with m.If(step):
                m.d.sync += register.eq(value)
            return Mux(reading, register, value)

        index = [keep(value, f"kept_{c}") for c, value in enumerate(self.index)]
        if not guarded:
            return replace(self, index=index, index_next=None)
        key = [keep(value, f"kept_key_{c}") for c, value in enumerate(self.key)]
        return Beat(index=index, key=key, live=keep(self.live, "kept_live"))


def table_events_layout(channels: int, guard: Guard | None = None) -> data.StructLayout:
    """What the table did in a cycle: a beat looked up, of it ``hits``; a miss filled; a stall.

    Guarded, also a row made again (``repair``), and damaged entries that were found: ``errors``.
    """
    events = {"lookup": 1, "hits": range(channels + 1), "miss": 1, "stall": 1}
    if guard is not None and guard.on:
        events |= {"repair": 1, "errors": range(channels + 2)}
    return data.StructLayout(events)


class ReuseTable(wiring.Component):
    """Deliver the products of every channel's value with all its weights, remembered or computed.

    o.payload[c][p](t) = i.payload.pixel[c](t - latency) * weight[c][p]                      (1)

    One table of keys (:class:`~hw.blocks.lookups.Lookups`) and one product memory a channel; a
    hit takes no time. A beat with misses holds the stream while the
    :class:`~hw.blocks.miss_unit.MissUnit` fills them, one channel after the other,
    ``geometry.fill_cycles`` each; so a beat waits at most ``channels * fill_cycles`` cycles.
    Otherwise beat-synchronous: ``o.valid`` and ``i.ready`` follow ``i.valid`` and ``o.ready`` in
    the same cycle. Beats that are not ``live`` are not looked up and their products are arbitrary.

    Folded, a beat's products are read in as many sub-steps (:class:`~hw.fold.FoldGeometry`), the
    first that of its move, and those of channels that are not there are 0. Its entries are not
    filled anew before the last.

    Guarded, all that one changed bit does to what is remembered is a miss, or found as the rows
    that were read are handed on by a :class:`~hw.blocks.product_repair.ProductRepair`; then no
    beat moves, and no sub-step is made, until it is made good.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel.

    Members
    -------
    i : ``In(stream.Signature(lookup_layout(config)))``
    o : ``Out(WideStreamSignature(product, channel_lanes, row_products))``
        Of a sub-step, in the cycle after the step that is :attr:`lead` - 1 after it, and until
        the next one.
    i_next : ``Out(1)``
        Whether no beat will be held in the next cycle; combinational.
    i_weight, swap : as :class:`~hw.blocks.miss_unit.MissUnit`
        ``swap`` empties the table; only while the last ``latency - 1`` beats were not ``live``, nor
        guarded the one before them.
    flush : ``In(1)``
        Empty the table, at any time: the beats that have been looked up keep their products.
    events : ``Out(table_events_layout(channels, guard))``
    damaged : as :class:`~hw.blocks.miss_unit.MissUnit`, only guarded
    more_next : ``Out(1)``, only guarded
        Whether a sub-step after the first will be made in the next cycle; combinational.
    """

    i: stream.Interface
    o: WideStream
    i_next: Signal
    i_weight: stream.Interface
    swap: Signal
    flush: Signal
    events: data.View
    sub_step: Signal
    reading: Signal
    damaged: Signal
    more_next: Signal

    def __init__(self, config: EngineConfig) -> None:
        self.geometry = g = TableGeometry(config)
        weight = config.learned_weight.transpose(1, 0, 2, 3).reshape(g.channels, g.products)
        initial = [0] * (g.channels * g.stride)
        for c in range(g.channels):
            for p in range(g.products):
                initial[c * g.stride + g.place(p)] = int(weight[c, p])
        self.miss_unit = MissUnit(g, initial)
        self.lookups = Lookups(config)
        self.repair = ProductRepair(g) if g.guard.on else None
        rows = ((g.fold.cycles - 1) << ceil_log2(g.entries)) + g.entries
        self.memories = [ProductMemory(g, rows) for _ in range(g.fold.channels.lanes)]
        members = {
            "i": In(stream.Signature(lookup_layout(config))),
            "o": Out(WideStreamSignature(g.product_shape, g.fold.channels.lanes, g.row_products)),
            "i_next": Out(1),
            "i_weight": self.miss_unit.signature.members["i_weight"],
            "swap": In(1),
            "flush": In(1),
            "events": Out(table_events_layout(g.channels, g.guard)),
        }
        if self.repair is not None:
            members |= {"damaged": Out(1), "more_next": Out(1)}
        super().__init__(members)

    @property
    def lead(self) -> int:
        """Steps from a sub-step to its products: read, and guarded, checked."""
        return self.memories[0].steps + int(self.repair is not None)

    @property
    def latency(self) -> int:
        """Beats from a pixel to its products, if a beat is one step: lookup, and :attr:`lead`."""
        return self.lookups.latency + self.lead

    @property
    def longest_wait(self) -> int:
        """Cycles that a beat is held, at most: for sub-steps, and a miss in every channel.

        What is damaged aside.
        """
        g = self.geometry
        return g.channels * g.fill_cycles + g.fold.cycles - 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lookups, filled = self.lookups, self.miss_unit.o.payload
        step = self._step(m, lookups.held, lookups.held_next)
        self._look_up(m, step)
        self._miss_unit(m)
        entry = Array(lookups.index)[filled.channel]
        beat = Beat(
            index=[*lookups.index],
            key=[*lookups.key],
            live=lookups.live,
            index_next=[*lookups.index_next],
        )
        self._products(m, step, entry=entry, beat=beat)
        done = self._request(m)
        self._count(m, step, served=done, held=lookups.held)
        return m

    def _step(self, m: Module, held: Value, held_next: Value) -> Signal:
        """Whether a beat moves; connects the handshakes."""
        step = Signal(name="step")
        repair = self.repair
        if repair is not None:
            held, held_next = held | repair.held, held_next | repair.held_next
        # Which sub-step is made, if one is.
        count = self.geometry.fold.cycles
        sub_step = self.sub_step = Signal(range(count), name="sub_step")
        following = Signal.like(sub_step, name="next_sub_step")
        reading = self.reading = Signal(name="reading")
        if count == 1:
            m.d.comb += reading.eq(0)
        else:
            m.d.comb += following.eq(Mux(sub_step == count - 1, 0, sub_step + 1))
        made = self._made(step)
        if count > 1:
            with m.If(made):
                m.d.sync += [sub_step.eq(following), reading.eq(following != 0)]
        busy_next = Mux(made, following != 0, 0 if repair is None else reading)
        if repair is not None:
            m.d.comb += [
                repair.step.eq(made),
                self.more_next.eq(busy_next & ~repair.held_next),
            ]
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~held & ~reading),
            self.i.ready.eq(self.o.ready & ~held & ~reading),
            step.eq(self.i.valid & self.i.ready),
            self.i_next.eq(~held_next & ~busy_next),
        ]
        return step

    def _made(self, step: Signal) -> Value:
        """Whether a sub-step is made."""
        if self.repair is None:
            return step | self.reading
        return step | (self.reading & ~self.repair.held)

    def _look_up(self, m: Module, step: Signal) -> None:
        """Stages 1 to ``latency - 1``: where the values are."""
        m.submodules.lookups = lookups = self.lookups
        m.d.comb += [
            lookups.i.valid.eq(step),
            lookups.i.payload.eq(self.i.payload),
            lookups.flush.eq(self.flush | self.swap),
        ]

    def _miss_unit(self, m: Module) -> None:
        m.submodules.miss_unit = unit = self.miss_unit
        m.d.comb += unit.swap.eq(self.swap)
        wiring.connect(m, wiring.flipped(self.i_weight), unit.i_weight)
        if self.repair is not None:
            m.submodules.repair = repair = self.repair
            wiring.connect(m, repair.request, unit.i)
            m.d.comb += [
                repair.results.valid.eq(unit.o.valid),
                repair.results.payload.eq(unit.o.payload),
                self.damaged.eq(unit.damaged),
                self.lookups.forget.eq(Mux(repair.repaired, 1 << repair.channel, 0)),
                self.lookups.forgotten.eq(repair.entry),
            ]

    @property
    def _misses(self) -> stream.Interface:
        """Where misses are asked for."""
        return self.miss_unit.i if self.repair is None else self.repair.miss

    @property
    def _filled(self) -> Value:
        """Whether products for the tables come."""
        results = self.miss_unit.o
        return results.valid if self.repair is None else results.valid & ~results.payload.repair

    def _products(self, m: Module, step: Signal, *, entry: Value, beat: Beat) -> None:
        """The last stage: read the rows of the beat that moves.

        ``entry`` is that of the results of the miss unit. Sub-step s has its own rows.
        """
        g, filled = self.geometry, self.miss_unit.o.payload
        channels, cycles = g.fold.channels, g.fold.cycles
        into = entry
        if cycles > 1:
            # What the beat that has moved is read from, in the sub-steps after the first.
            beat = beat.kept(m, step, self.reading, guarded=g.guard.on)
            row = Array(n // g.row_groups * channels.groups for n in range(g.groups))
            group = Array(channels.place(c)[0] for c in range(g.channels))
            into = Cat(entry, (row[filled.group] + group[filled.channel])[: len(self.sub_step)])
        for lane in range(channels.lanes):
            parts = [channels.part(n % channels.groups, lane) for n in range(cycles)]
            at = self._of_lane(beat.index, parts)
            if self.repair is not None:
                of = self.repair.of
                m.d.comb += [
                    of.live.eq(beat.live),
                    of.sub_step.eq(self.sub_step),
                    of.key[lane].eq(self._of_lane(beat.key, parts)),
                    of.entry[lane].eq(at),
                ]
            if cycles > 1:
                at = Cat(at, self.sub_step)
            index: list[Value] = [at] * g.row_groups
            entries: list[Value] = [into] * g.row_groups
            if beat.index_next is not None and self.memories[lane].is_block:
                # A register for each group's memories: one for all would be far from most. What is
                # filled is the entry of the beat that waits for it.
                names = [f"index_{lane}_{group}" for group in range(g.row_groups)]
                index = [kept_register(m, beat.index_next[lane], name) for name in names]
                entries = index
            self._product_memory(m, lane, self._made(step), entries=entries, index=index)

    def _of_lane(self, values: list[Value], parts: list[int | None]) -> Value:
        """What a lane has in this sub-step; ``parts``: its channels by sub-step."""
        of_parts = [values[part or 0] for part in parts]
        return Array(of_parts)[self.sub_step] if len(parts) > 1 else of_parts[0]

    def _product_memory(
        self, m: Module, lane: int, read: Value, *, entries: list[Value], index: list[Value]
    ) -> None:
        """The rows of the channels of ``lane``: show ``index``, fill ``entries``, by group.

        A read never meets a write of the same row: a beat that moves has no misses left.
        """
        g, filled = self.geometry, self.miss_unit.o
        channels, cycles = g.fold.channels, g.fold.cycles
        parts = [channels.part(n, lane) for n in range(channels.groups)]
        m.submodules[f"products_{lane}"] = memory = self.memories[lane]
        here = Cat(filled.payload.channel == part for part in parts if part is not None).any()
        group = Array(n % g.row_groups for n in range(g.groups))[filled.payload.group]
        m.d.comb += [
            memory.write.eq(self._filled & here),
            *(port.eq(row) for port, row in zip(memory.entry, entries, strict=True)),
            memory.group.eq(group),
            memory.products.eq(filled.payload.products),
            memory.read.eq(read),
            *(port.eq(row) for port, row in zip(memory.index, index, strict=True)),
        ]
        if self.repair is not None:
            m.d.comb += self.repair.damaged[lane].eq(memory.damaged)
            for product, kept in zip(self.repair.i[lane], memory.row, strict=True):
                m.d.comb += product.eq(kept)
            for product, kept in zip(self.o.payload[lane], self.repair.o[lane], strict=True):
                m.d.comb += product.eq(kept)
            return
        there: Value = Const(1)
        if None in parts:
            there = Array(parts[n % len(parts)] is not None for n in range(cycles))[self.sub_step]
            for n in range(self.lead):
                behind, there = there, Signal(name=f"there_{lane}_{n}")
                with m.If(read):
                    m.d.sync += there.eq(behind)
        for product, kept in zip(self.o.payload[lane], memory.row, strict=True):
            m.d.comb += product.eq(Mux(there, kept, 0) if None in parts else kept)

    def _request(self, m: Module) -> Signal:
        """Ask for the products of the lowest channel that misses; returns whether one is done."""
        lookups, request, results = self.lookups, self._misses, self.miss_unit.o
        channel = request.payload.channel
        for c in reversed(range(self.geometry.channels)):
            with m.If(lookups.missing[c]):
                m.d.comb += channel.eq(c)
        asked = Signal()
        done = Signal()
        m.d.comb += [
            request.valid.eq(lookups.missing.any() & ~asked & ~self.reading),
            request.payload.key.eq(Array(lookups.key)[channel]),
            lookups.served.eq(Mux(done, 1 << channel, 0)),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += asked.eq(1)
        with m.Elif(done):
            m.d.sync += asked.eq(0)
        # A key may take longer to its place than its products.
        g = self.geometry
        last: Value = self._filled & results.payload.last
        for _ in range(g.fill_cycles - g.groups - MissUnit.LATENCY):
            late = Signal(name="late")
            m.d.sync += late.eq(last)
            last = late
        m.d.comb += done.eq(last)
        return done

    def _count(self, m: Module, step: Signal, *, served: Signal, held: Value) -> None:
        """Report the events of this cycle; ``served``: the shown beat has a miss less."""
        live, channels = self.lookups.live, self.geometry.channels
        missed = Signal(range(channels + 1))
        m.d.comb += [
            self.events.lookup.eq(step & live),
            self.events.hits.eq(Mux(step & live, channels - missed, 0)),
            self.events.miss.eq(served),
            self.events.stall.eq(held & ~self.reading),
        ]
        if self.repair is not None:
            repaired = self.repair.repaired
            m.d.comb += [
                self.events.repair.eq(repaired),
                self.events.errors.eq(self.lookups.errors + repaired),
                self.events.stall.eq((held | self.repair.held) & ~self.reading),
            ]
        with m.If(step):
            m.d.sync += missed.eq(0)
        with m.Elif(served):
            m.d.sync += missed.eq(missed + 1)
