"""Rows of products that were changed while they were remembered, made again."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.miss_unit import TableGeometry, request_layout, results_layout
from hw.blocks.product_memory import ROW_STEPS

__all__ = ["ProductRepair", "rows_layout"]


def rows_layout(g: TableGeometry) -> data.StructLayout:
    """What rows are read in a sub-step: by channel lane, of which key and entry."""
    lanes = g.fold.channels.lanes
    return data.StructLayout(
        {
            "live": 1,
            "sub_step": range(g.fold.cycles),
            "key": data.ArrayLayout(g.key_shape, lanes),
            "entry": data.ArrayLayout(range(g.entries), lanes),
        }
    )


class ProductRepair(wiring.Component):
    """Hand rows on in the next step; hold those that are damaged until they are made again.

    The miss unit computes them from the key, straight into the register: the memory is left as it
    is, since the entry may be another key's by now. The entry is forgotten, and the key so is a
    miss when it comes again.

    Parameters
    ----------
    geometry : TableGeometry

    Members
    -------
    step : ``In(1)``
        A sub-step is made; not while ``held``.
    of : ``In(rows_layout(geometry))``
        With a step: what is read. Rows that are not ``live`` are arbitrary.
    i, damaged : ``In(product)`` array of channel lanes and products, ``In(channel lanes)``
        The rows that were read :data:`ROW_STEPS` steps ago, and which are not what was written.
    o : ``Out(product)`` array
        Those of the step before that; 0 for channels that are not there.
    held : ``Out(1)``
        No step may be made: some of ``o`` is wrong.
    held_next : ``Out(1)``
        What ``held`` will be in the next cycle; combinational.
    miss : ``In(stream.Signature(request_layout(geometry)))``
        What else the miss unit is asked for.
    request : ``Out(stream.Signature(request_layout(geometry)))``
        To the miss unit: repairs first.
    results : ``In(stream.Signature(results_layout(geometry), always_ready=True))``
        From the miss unit.
    repaired : ``Out(1)``
        A repair is begun, for a cycle.
    channel, entry : ``Out(...)``
        Which; the entry is to be forgotten.
    """

    step: Signal
    of: data.View
    i: Any
    damaged: Signal
    o: Any
    held: Signal
    held_next: Signal
    miss: stream.Interface
    request: stream.Interface
    results: stream.Interface
    repaired: Signal
    channel: Signal
    entry: Signal

    def __init__(self, geometry: TableGeometry) -> None:
        self.geometry = g = geometry
        lanes = g.fold.channels.lanes
        rows = Out(g.product_shape).array(lanes, g.row_products)
        super().__init__(
            {
                "step": In(1),
                "of": In(rows_layout(g)),
                "i": rows.flip(),
                "damaged": In(lanes),
                "o": rows,
                "held": Out(1),
                "held_next": Out(1),
                "miss": In(stream.Signature(request_layout(g))),
                "request": Out(stream.Signature(request_layout(g))),
                "results": In(stream.Signature(results_layout(g), always_ready=True)),
                "repaired": Out(1),
                "channel": Out(range(g.channels)),
                "entry": Out(range(g.entries)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self.geometry.fold.channels.lanes
        coming, shown = self._of(m)
        present = [self._present(lane, coming.sub_step) for lane in range(lanes)]
        bad, bad_next, lane = Signal(lanes), Signal(lanes), Signal(range(lanes))
        for n in reversed(range(lanes)):
            with m.If(bad[n]):
                m.d.comb += lane.eq(n)
        done = Signal()
        found = Mux(coming.live, self.damaged & Cat(present), 0)
        m.d.comb += [
            bad_next.eq(Mux(self.step, found, bad & ~Mux(done, 1 << lane, 0))),
            self.held.eq(bad.any()),
            self.held_next.eq(bad_next.any()),
        ]
        m.d.sync += bad.eq(bad_next)
        for n in range(lanes):
            for product, row in zip(self.o[n], self.i[n], strict=True):
                with m.If(self.step):
                    m.d.sync += product.eq(Mux(present[n], row, 0))
        m.d.comb += done.eq(self._load(m, shown, lane))
        self._request(m, shown, lane, done=done)
        return m

    def _of(self, m: Module) -> tuple[Any, Any]:
        """What the rows at ``i`` are of, and those at ``o``."""
        stages: list[Any] = [self.of]
        for n in range(ROW_STEPS + 1):
            stage = Signal(rows_layout(self.geometry), name=f"of_{n}")
            with m.If(self.step):
                m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        return stages[-2], stages[-1]

    def _present(self, lane: int, sub_step: Value) -> Value:
        """Whether the lane has a channel in a sub-step."""
        channels = self.geometry.fold.channels
        parts = [channels.part(n, lane) for n in range(channels.groups)]
        cycles = range(self.geometry.fold.cycles)
        if None not in parts:
            return Const(1)
        return Array(parts[n % len(parts)] is not None for n in cycles)[sub_step]

    def _load(self, m: Module, shown: Any, lane: Signal) -> Value:
        """Take the products of a repair; returns whether these are its last."""
        g, results = self.geometry, self.results
        groups = g.fold.channels.groups
        kernels = Array(n // groups for n in range(g.fold.cycles))[shown.sub_step]
        mine = results.valid & results.payload.repair
        for n, row in enumerate(self.o):
            for group in range(g.groups):
                # Of all kernels' products those of the sub-step are wanted.
                kernel, place = divmod(group, g.row_groups)
                here = (results.payload.group == group) & (kernels == kernel)
                first = place * g.lanes
                with m.If(mine & (lane == n) & here):
                    m.d.sync += [
                        a.eq(b) for a, b in zip(row[first:], results.payload.products, strict=False)
                    ]
        return mine & results.payload.last

    def _request(self, m: Module, shown: Any, lane: Signal, *, done: Value) -> None:
        """Ask for a repair, unless a miss is half asked for."""
        g, request, miss = self.geometry, self.request, self.miss
        channels = g.fold.channels
        parts = [
            [channels.part(n % channels.groups, x) or 0 for n in range(g.fold.cycles)]
            for x in range(channels.lanes)
        ]
        asked, wanted, mine = Signal(), Signal(), Signal()
        half, owner = Signal(), Signal()
        m.d.comb += [
            wanted.eq(self.held & ~asked),
            mine.eq(Mux(half, owner, wanted)),
            self.channel.eq(Array(Array(of)[shown.sub_step] for of in parts)[lane]),
            self.entry.eq(Array(shown.entry[n] for n in range(channels.lanes))[lane]),
            request.valid.eq(Mux(mine, wanted, miss.valid)),
            request.payload.eq(miss.payload),
            miss.ready.eq(request.ready & ~mine),
            self.repaired.eq(mine & request.valid & request.ready),
        ]
        with m.If(mine):
            m.d.comb += [
                request.payload.channel.eq(self.channel),
                request.payload.entry.eq(self.entry),
                request.payload.key.eq(shown.key[lane]),
                request.payload.repair.eq(1),
            ]
        m.d.sync += [half.eq(request.valid & ~request.ready), owner.eq(mine)]
        with m.If(self.repaired):
            m.d.sync += asked.eq(1)
        with m.Elif(done):
            m.d.sync += asked.eq(0)
