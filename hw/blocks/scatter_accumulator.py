"""The learned kernels' sums in the transposed form: products in, accumulators along the way."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.tapped_delay import MIN_MEMORY_DEPTH, TappedDelay
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.fanout import kept_register
from hw.fold import FoldGeometry
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["ScatterAccumulator"]

_RING_BITS = 72
"""Of a ring memory with addresses of its own: two blocks of ECP5, which can lie side by side."""


class ScatterAccumulator(wiring.Component):
    """Add the products of every input value where the windows that need them meet.

    o[l](t) = sum over c, n of product[l][c][n](t - latency - age(n))                        (1)

    where t counts beats, and tap n = i * kw + j is ``age(n) = (kh - 1 - i) * padded_width +
    (kw - 1 - j)`` beats older than the window's last. ``product[l][c]`` of beat t comes at
    ``i`` with step ``t * F + s + lead`` since the reset, s the sub-step of kernel l and channel
    c and F the sub-steps of a beat (:class:`~hw.fold.FoldGeometry`); products of
    channels that are not there must be 0.

    First the channels of a sub-step are summed, a balanced tree of one adder a stage. Then a
    kernel is one chain of accumulators, tap n + 1 taking over from tap n one beat later, or a
    row later at the end of a kernel row: the row waits in ring memories, of many kernels each.
    Folded, kernels of different groups follow one another through the same chain, every delay
    of which is as many times longer, and an accumulator first takes over, then adds the terms
    of the other channel groups to itself. Every accumulator has the exact width of what it can
    hold, so order never matters.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel; the weights do not matter.
    lead : int
        Steps by which a product comes after its sub-step.

    Members
    -------
    i : ``In(WideStreamSignature(product, channel_lanes, products, always_ready))``
        ``valid`` in the cycles of steps; the first of a beat is that of its move.
    i_valid_next : ``In(1)``
        What ``i.valid`` will be in the next cycle; low before the first cycle.
    o : ``Out(stream.Signature(ArrayLayout(sum, learned), always_ready=True))``
        From registers, and in the cycle of the move of beat t + :attr:`latency` those of beat t.
    """

    i: WideStream
    i_valid_next: Signal
    o: stream.Interface

    def __init__(self, config: EngineConfig, *, lead: int) -> None:
        self.layer = config.layer
        self.lead = lead
        self.geometry = g = FoldGeometry(config)
        product = self.layer.product_range
        self.tap_range = product.scaled(g.channels.parts)
        total = shape_of(self.tap_range.scaled(g.taps.parts))
        products = WideStreamSignature(
            shape_of(product), g.channels.lanes, g.kernels.lanes * g.taps.parts
        )
        super().__init__(
            {
                "i": In(products),
                "i_valid_next": In(1),
                "o": Out(
                    stream.Signature(data.ArrayLayout(total, g.kernels.parts), always_ready=True)
                ),
            }
        )

    @property
    def _depth(self) -> int:
        """Steps from a sub-step to its terms in the accumulators: the tree, and the last adder."""
        return self.lead + ceil_log2(self.geometry.channels.lanes) + 1

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums: until its last sub-step is through."""
        return 1 + -(-(self._depth - 1) // self.geometry.cycles)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        m.d.comb += [self.i.ready.eq(1), self.o.valid.eq(self.i.valid)]
        first_next = self._first_next(m)
        slot_next = Signal()
        m.d.comb += slot_next.eq(self.i_valid_next & first_next)

        totals = [
            [
                Signal(
                    shape_of(self.tap_range.scaled(n + 1)),
                    name=f"total_{lane}_{n}",
                    reset_less=True,
                )
                for n in range(g.taps.parts)
            ]
            for lane in range(g.kernels.lanes)
        ]
        before = [
            [Const(0), *[Signal.like(total, name_suffix="_before") for total in chain[:-1]]]
            for chain in totals
        ]
        for lane, (chain, earlier) in enumerate(zip(totals, before, strict=True)):
            self._chain(m, lane, chain, earlier, first_next=first_next)

        # A slot is one kernel group in one beat: what the chains' delays move with.
        row = self.layer.padded_shape[1] - self.layer.kernel_shape[1] + 1
        for name, beats in (("taps", 1), ("rows", row)):
            lines = [
                (chain[n - 1], earlier[n])
                for chain, earlier in zip(totals, before, strict=True)
                for n in range(1, g.taps.parts)
                if (n % self.layer.kernel_shape[1] == 0) == (name == "rows")
            ]
            self._delay(m, slot_next, name, lines, beats * g.kernels.groups - 1)
        self._collect(m, slot_next, [chain[-1] for chain in totals])
        return m

    def _first_next(self, m: Module) -> Value:
        """Whether the next step brings an accumulator the first term of a slot."""
        groups = self.geometry.channels.groups
        if groups == 1:
            return Const(1)
        # Which channel group's terms the next step brings.
        group = Signal(range(groups), init=(1 - self._depth) % groups)
        following = Signal.like(group)
        m.d.comb += following.eq(group)
        with m.If(self.i.valid):
            m.d.comb += following.eq(Mux(group == groups - 1, 0, group + 1))
        m.d.sync += group.eq(following)
        return following == 0

    def _channel_sum(self, m: Module, step: Signal, n: int, name: str) -> Value:
        """Stages 1..: product ``n`` of all channels of a sub-step, summed pairwise."""
        values: list[Value] = [products[n] for products in self.i.payload]
        ranges = [self.layer.product_range] * len(values)
        level = 0
        while len(values) > 1:
            level += 1
            pairs = [slice(p, p + 2) for p in range(0, len(values), 2)]
            ranges = [sum(ranges[pair][1:], ranges[pair][0]) for pair in pairs]
            registers = [
                Signal(shape_of(r), name=f"sum_{name}_{level}_{p}", reset_less=True)
                for p, r in enumerate(ranges)
            ]
            with m.If(step):
                for register, pair in zip(registers, pairs, strict=True):
                    m.d.sync += register.eq(sum(values[pair][1:], values[pair][0]))
            values = list(registers)
        return values[0]

    def _chain(
        self,
        m: Module,
        lane: int,
        totals: Sequence[Signal],
        before: Sequence[Value],
        *,
        first_next: Value,
    ) -> None:
        """Last stage: tap n's term joins the sum of the taps before it, or that of this slot.

        The taps of a kernel row have enables of their own: their products come from near.
        """
        folded = self.geometry.channels.groups > 1
        step = first = Signal()
        for n, (total, earlier) in enumerate(zip(totals, before, strict=True)):
            row, column = divmod(n, self.layer.kernel_shape[1])
            if column == 0:
                step = kept_register(m, self.i_valid_next, f"step_{lane}_{row}")
                first = kept_register(m, first_next, f"first_{lane}_{row}")
            term = self._channel_sum(m, step, lane * self.geometry.taps.parts + n, f"{lane}_{n}")
            with m.If(step):
                m.d.sync += total.eq((Mux(first, earlier, total) if folded else earlier) + term)

    def _delay(
        self,
        m: Module,
        slot_next: Value,
        name: str,
        lines: Sequence[tuple[Signal, Signal]],
        slots: int,
    ) -> None:
        """Show the first of each pair in the second ``slots`` slots later, by few memories."""
        values = Cat(*(value for value, _ in lines))
        shown: Value = values
        if lines and slots:
            parts = [values[n : n + _RING_BITS] for n in range(0, len(values), _RING_BITS)]
            shown = Cat(
                self._ring(m, slot_next, f"{name}_{n}", part, slots) for n, part in enumerate(parts)
            )
        m.d.comb += Cat(*(delayed for _, delayed in lines)).eq(shown)

    def _ring(self, m: Module, slot_next: Value, name: str, value: Value, slots: int) -> Value:
        """``value`` as it was ``slots`` slots ago."""
        # A memory is slow to show a word: its output register follows, and one nearby.
        behind = 2 * int(slots > MIN_MEMORY_DEPTH + 1)
        move = kept_register(m, slot_next, f"move_{name}")
        m.submodules[name] = delay = TappedDelay(len(value), [slots - behind], block=True)
        m.d.comb += [
            delay.i.valid.eq(move),
            delay.o.ready.eq(1),
            delay.i.payload.eq(value),
        ]
        shown: Value = delay.o.payload[0]
        for n in range(behind):
            register = Signal(len(value), name=f"{name}_shown_{n}", reset_less=True)
            with m.If(move):
                m.d.sync += register.eq(shown)
            shown = register
        return shown

    def _collect(self, m: Module, slot_next: Value, sums: Sequence[Value]) -> None:
        """Show the groups' sums together, those that are complete earlier as they were then."""
        g = self.geometry
        newest = (self.latency * g.cycles - self._depth) // g.channels.groups
        ago = [newest - kernel // g.kernels.lanes for kernel in range(g.kernels.parts)]
        delayed: dict[int, Value] = {0: Cat(*sums)}
        if any(ago):
            m.submodules.sums = delay = TappedDelay(len(delayed[0]), sorted({*ago}))
            m.d.comb += [
                delay.i.valid.eq(kept_register(m, slot_next, "move_sums")),
                delay.o.ready.eq(1),
                delay.i.payload.eq(delayed[0]),
            ]
            delayed |= dict(zip(sorted({*ago}), delay.o.payload, strict=True))
        width = len(sums[0])
        for kernel, slots in enumerate(ago):
            word = delayed[slots].word_select(kernel % g.kernels.lanes, width)
            m.d.comb += Value.cast(self.o.payload[kernel]).eq(word)
