"""Fill tables of products by additions alone, while another set of them is read."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.product_geometry import ProductGeometry
from hw.strategies.contract import weight_layout

__all__ = ["ProductFiller"]


class ProductFiller(wiring.Component):
    """Write every product of each weight that comes: running sums, from the lowest value up.

    As soon as all weights of a memory word are known, their products with all values of a digit
    are written, a value a cycle, for all digits at once; no weight is taken meanwhile. A digit
    that is narrower than the others is written several times. The memories of the word under way
    are written in every cycle, and for good in the last of its
    :attr:`~hw.product_geometry.ProductGeometry.fill_cycles`.

    There are two sets, of which the one that is not active is written. A reset ends a set that
    is under way; the active one stays what it was.

    Parameters
    ----------
    geometry : ProductGeometry

    Members
    -------
    i_weight : ``In(stream.Signature(weight_layout(config)))``
        A set, in the order of (C, L, kh, kw).
    o : ``Out(stream.Signature(geometry.fill_layout, always_valid=True, always_ready=True))``
        To the first bank; a register follows, since the way is long.
    loaded : ``Out(1)``
        No set is under way: everything is written, also in the last bank.
    swap : ``In(1)``
        The other set becomes the active one; only while ``loaded``.
    active : ``Out(1)``
        The set to read.
    """

    i_weight: stream.Interface
    o: stream.Interface
    loaded: Signal
    swap: Signal
    active: Signal

    def __init__(self, geometry: ProductGeometry) -> None:
        self.geometry = geometry
        fill = stream.Signature(geometry.fill_layout, always_valid=True, always_ready=True)
        super().__init__(
            {
                "i_weight": In(stream.Signature(weight_layout(geometry.config))),
                "o": Out(fill),
                "loaded": Out(1),
                "swap": In(1),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        full = Signal()  # the word's weights are known
        filling = Signal()  # its products are written
        take = Signal()
        done = Signal()  # in the cycle of its last: `filling & count.all()`
        count = Signal(self.geometry.digit_bits)
        m.d.comb += [
            self.i_weight.ready.eq(~full),
            take.eq(self.i_weight.valid & ~full),
            self.o.payload.write.count.eq(count),
        ]
        position, ends_word, ends_group, ends_channel = self._place(m, take)
        with m.If(take & ends_word):
            m.d.sync += full.eq(1)
        with m.Elif(done):
            m.d.sync += full.eq(0)
        m.d.sync += [
            filling.eq(full & ~done),
            done.eq(filling & ~count[0] & (count[1:] == (1 << len(count) - 1) - 1)),
        ]
        with m.If(filling):
            m.d.sync += count.eq(count + 1)
        self._running_sums(m, take=take, position=position, filling=filling, count=count)
        self._move(m, take=take, done=done, ends_group=ends_group, ends_channel=ends_channel)
        self._sets(m)
        return m

    def _place(self, m: Module, take: Signal) -> tuple[Signal, Signal, Signal, Signal]:
        """Follow the set, group by group: one channel's products of one kernel group.

        Returns where in its word this weight is, whether it ends one, and of the last that was
        taken whether it ended a group, a channel.
        """
        g = self.geometry
        groups = -(-g.kernels.parts // g.kernels.lanes)
        short = g.kernels.parts * g.taps.parts - (groups - 1) * g.products
        size = len(g.words[0])
        next_product, product = Signal(range(g.products)), Signal(range(g.products))
        next_position, position = Signal(range(size)), Signal(range(size))
        next_group, group = Signal(range(groups)), Signal(range(groups))
        last_group, final, ends_word = Signal(), Signal(), Signal()
        ends_group, ends_channel = Signal(), Signal()
        first = self.i_weight.payload.first
        m.d.comb += [
            product.eq(Mux(first, 0, next_product)),
            position.eq(Mux(first, 0, next_position)),
            group.eq(Mux(first, 0, next_group)),
            last_group.eq(group == groups - 1),
            final.eq(product == Mux(last_group, short, g.products) - 1),
            ends_word.eq(final | (position == size - 1)),
        ]
        with m.If(take):
            m.d.sync += [
                next_product.eq(Mux(final, 0, product + 1)),
                next_position.eq(Mux(ends_word, 0, position + 1)),
                next_group.eq(group),
                ends_group.eq(final),
                ends_channel.eq(final & last_group),
            ]
            with m.If(final):
                m.d.sync += next_group.eq(Mux(last_group, 0, group + 1))
        return position, ends_word, ends_group, ends_channel

    def _running_sums(
        self, m: Module, *, take: Signal, position: Signal, filling: Signal, count: Signal
    ) -> None:
        """Hold the word's weights; start at each one's lowest product, then add and add."""
        g = self.geometry
        for n in range(len(g.words[0])):
            weight = Signal(g.weight_shape, name=f"weight_{n}", reset_less=True)
            with m.If(take & (position == n)):
                m.d.sync += weight.eq(self.i_weight.payload.weight)
            for kind, digit in g.kinds.items():
                product = self.o.payload.write.products[kind][n]
                total = Signal(product.shape(), name=f"{kind}_{n}", reset_less=True)
                m.d.comb += product.eq(total)
                m.d.sync += total.eq(total + weight)
                with m.If(~filling | count[: digit.bits].all()):
                    m.d.sync += total.eq(weight * digit.range.lo)

    def _move(
        self, m: Module, *, take: Signal, done: Signal, ends_group: Signal, ends_channel: Signal
    ) -> None:
        """Walk through the words: of a channel lane's banks, the sub-steps, the lanes."""
        g = self.geometry
        move = self.o.payload.move
        under_way, ends_set = Signal(), Signal()
        first, ends = Signal(), Signal()
        lane, next_lane = Signal(g.channels.lanes), Signal(g.channels.lanes)
        part, next_part = Signal(range(g.channels.groups)), Signal(range(g.channels.groups))
        slot = Signal(range(g.cycles))
        settle = Signal(range(g.hops + 1))  # cycles until the last bank has written, but one
        settled = Signal(init=1)
        m.d.comb += [
            first.eq(take & self.i_weight.payload.first),
            ends.eq(done & ends_group),
            next_lane.eq(Mux(ends_channel, lane.rotate_left(1), lane)),
            next_part.eq(part + (ends_channel & lane[-1])),
            move.advance.eq(done),
            move.clear.eq(first | ends),
            move.head.eq(Mux(first, 1, Mux(ends_set, 0, next_lane))),
            self.o.payload.write.slot.eq(slot),
            self.loaded.eq(~under_way & settled),
        ]
        with m.If(take):
            m.d.sync += ends_set.eq(self.i_weight.payload.last)
        with m.If(first):
            m.d.sync += [under_way.eq(1), lane.eq(1), part.eq(0), slot.eq(0)]
        with m.Elif(ends):
            m.d.sync += [
                under_way.eq(~ends_set),
                lane.eq(next_lane),
                part.eq(next_part),
                slot.eq(Mux(ends_channel, next_part, slot + g.channels.groups)),
            ]
        with m.If(under_way):
            m.d.sync += [settle.eq(g.hops), settled.eq(0)]
        with m.Else():
            m.d.sync += [settle.eq(settle - 1), settled.eq(settled | (settle == 0))]

    def _sets(self, m: Module) -> None:
        """Which set is read, not written; a reset leaves it, as it does the products.

        Never two registers: in standard cells they begin anyhow, and could be the same.
        """
        read = Signal(reset_less=True)
        with m.If(self.swap):
            m.d.sync += read.eq(~read)
        m.d.comb += [self.active.eq(read), self.o.payload.write.set.eq(~read)]
