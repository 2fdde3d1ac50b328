"""A reuse table whose lookups run ahead, so that its multipliers need not wait for its reads."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.utils import bits_for, ceil_log2

from hw.blocks.miss_unit import MissUnit
from hw.blocks.reuse_table import Beat, ReuseTable
from hw.blocks.tapped_delay import TappedDelay
from sw.config import EngineConfig

__all__ = ["LookAheadTable", "make_reuse_table"]


def make_reuse_table(config: EngineConfig) -> ReuseTable:
    """The table that looks as far ahead as ``config.table`` says."""
    return LookAheadTable(config) if config.table.look_ahead else ReuseTable(config)


class LookAheadTable(ReuseTable):
    """A :class:`~hw.blocks.reuse_table.ReuseTable` whose misses do not hold what is behind them.

    A beat that has been looked up waits in a line of :attr:`ahead` beats before its products are
    read. Its misses are put into their tables at once, so that hits and misses are those of the
    blocking table, and into a queue; the miss unit works the queue off in order, without a
    pause, while other beats are looked up behind. The line moves with the beats; its head is held
    while one of its own misses is not filled, which may be told by counting: misses are filled
    in order, and what a beat hits was missed by itself or by one before it.

    An entry that is to be filled anew may still be read by beats in the line. So each entry
    keeps the number of the last beat that used it, and its next miss is not begun before that
    beat has left. Those ahead of it need only misses that are earlier in the queue, so nothing
    waits for itself.

    The last ``latency - 1`` beats must not be ``live`` for a ``swap``.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.ahead = config.table.look_ahead
        super().__init__(config)
        # Beats in the line, and those that used an entry before them, have different numbers.
        self.number_bits = ceil_log2(2 * self.ahead + 2) + 3

    @property
    def latency(self) -> int:
        """Beats from a pixel to its products: lookup, line, read."""
        return super().latency + self.ahead

    @property
    def longest_wait(self) -> int:
        """Cycles that a beat is held, at most: for the misses of the head of the line."""
        g = self.geometry
        wait = max(g.channels * g.groups + MissUnit.LATENCY, g.insert_cycles)
        return wait + g.fold.cycles - 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lookups = self.lookups
        short = Signal()
        short_next = Signal()
        held, held_next = lookups.held | short, lookups.held_next | short_next
        step = self._step(m, held, held_next)
        self._look_up(m, step)
        self._miss_unit(m)
        beat = self._line(m, step)
        self._products(m, step, entry=self.miss_unit.o.payload.entry, beat=beat)
        pushed = self._queue(m, step)
        self._wait(m, step, pushed, short=short, short_next=short_next)
        self._count(m, step, served=pushed, held=held)
        return m

    def _line(self, m: Module, step: Signal) -> Beat:
        """Let the beats that were looked up wait; returns the head of the line."""
        g, lookups = self.geometry, self.lookups
        index = data.ArrayLayout(range(g.entries), g.channels)
        shape: Any = index
        if g.guard.on:
            key = data.ArrayLayout(g.key_shape, g.channels)
            shape = data.StructLayout({"index": index, "key": key, "live": 1})
        m.submodules.line = line = TappedDelay(shape, [self.ahead])
        come, head = line.i.payload, line.o.payload[0]
        m.d.comb += [line.i.valid.eq(step), line.o.ready.eq(1)]
        indices, keys, live = head, lookups.key, lookups.live
        if g.guard.on:
            m.d.comb += [come.live.eq(lookups.live)]
            m.d.comb += [come.key[c].eq(lookups.key[c]) for c in range(g.channels)]
            come, indices, keys, live = come.index, head.index, head.key, head.live
        m.d.comb += [come[c].eq(lookups.index[c]) for c in range(g.channels)]
        lanes = range(g.channels)
        return Beat(index=[indices[c] for c in lanes], key=[keys[c] for c in lanes], live=live)

    def _queue(self, m: Module, step: Signal) -> Signal:
        """Queue the misses of the beat that is shown, one a cycle; returns whether one is queued.

        There is room for all misses of the line, so nothing waits for room.
        """
        g, lookups = self.geometry, self.lookups
        number = Signal(self.number_bits)
        with m.If(step):
            m.d.sync += number.eq(number + 1)
        request = self._misses
        shape = data.StructLayout(
            {"request": request.payload.shape(), "last_use": self.number_bits, "free": 1}
        )
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=shape.size, depth=g.channels * (self.ahead + 1)
        )
        miss = Signal(shape)
        head = data.View(shape, queue.r_data)
        channel = Signal(range(g.channels))
        pushed = Signal()
        for c in reversed(range(g.channels)):
            with m.If(lookups.missing[c]):
                m.d.comb += channel.eq(c)
        last_uses = Array(self._last_use(m, c, step, number) for c in range(g.channels))
        age = Signal(self.number_bits)
        m.d.comb += [
            pushed.eq(lookups.missing.any() & ~lookups.first),
            lookups.served.eq(Mux(pushed, 1 << channel, 0)),
            miss.request.channel.eq(channel),
            miss.request.entry.eq(Array(lookups.index)[channel]),
            miss.request.key.eq(Array(lookups.key)[channel]),
            miss.last_use.eq(last_uses[channel]),
            age.eq(number - miss.last_use),
            miss.free.eq((age == 0) | (age > self.ahead + 1)),
            queue.w_data.eq(miss),
            queue.w_en.eq(pushed),
        ]
        # The head may be begun when the beat that used its entry last has left the line, and been
        # read: that is what is read now if it left with the last move.
        since = Signal(self.number_bits)
        gone = Signal()
        m.d.comb += [
            since.eq(number - head.last_use),
            gone.eq((since > self.ahead) & ~(self.reading & (since == self.ahead + 1))),
            request.valid.eq(queue.r_rdy & (head.free | gone)),
            request.payload.eq(head.request),
            queue.r_en.eq(request.valid & request.ready),
        ]
        return pushed

    def _last_use(self, m: Module, c: int, step: Signal, number: Signal) -> Value:
        """The number of the beat that used the victim of channel ``c`` last, modulo a power of 2.

        Right from the second cycle of a beat that misses on. What it is before an entry's first
        use does no harm: at worst a miss waits for the beats ahead of it.
        """
        g, lookups = self.geometry, self.lookups
        memory = Memory(
            shape=self.number_bits, depth=g.entries, init=[], attrs={"no_rw_check": "1"}
        )
        m.submodules[f"last_use_{c}"] = memory
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.addr.eq(lookups.index[c]),
            write.data.eq(number),
            write.en.eq(step & lookups.live),
            read.addr.eq(lookups.victim[c]),
            read.en.eq(lookups.first & lookups.missing[c]),
        ]
        return read.data

    def _wait(
        self, m: Module, step: Signal, pushed: Signal, *, short: Signal, short_next: Signal
    ) -> None:
        """Hold the head of the line while its own misses are not filled.

        The balance is the misses filled, less those of all beats up to the head.
        """
        g = self.geometry
        count = range(g.channels + 1)
        most = g.channels * (self.ahead + 1)
        missed = Signal(count)
        with m.If(step):
            m.d.sync += missed.eq(0)
        with m.Elif(pushed):
            m.d.sync += missed.eq(missed + 1)
        m.submodules.misses = misses = TappedDelay(count, [self.ahead - 1], resettable=True)
        balance = Signal(bits_for(most) + 1)
        balance_next = Signal.like(balance)
        filled = self._filled & self.miss_unit.o.payload.last
        coming = misses.o.payload[0]
        m.d.comb += [
            misses.i.valid.eq(step),
            misses.o.ready.eq(1),
            misses.i.payload.eq(missed),
            balance_next.eq(balance + filled - Mux(step, coming, 0)),
            short.eq(balance[-1]),
            short_next.eq(balance_next[-1]),
        ]
        m.d.sync += balance.eq(balance_next)
