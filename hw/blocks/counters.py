"""What the engine did, counted: the registers that the golden model predicts."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Const, Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.fanout import kept_register
from sw.config import EngineConfig
from sw.registers import COUNTERS

__all__ = ["PART_BITS", "Counters", "count_layout", "counted", "events_layout", "part_count"]

PART_BITS = 16
"""Bits of a count that are added in a cycle: a block memory of iCE40 is as wide."""


def events_layout(strategy: ShapeLike) -> data.StructLayout:
    """What happened in a cycle.

    The engine is ``busy``; the ``last`` output of a frame left, or that of a ``bad`` one; and
    what the strategy did, of the shape of its events.
    """
    return data.StructLayout({"busy": 1, "last": 1, "bad": 1, "strategy": strategy})


def part_count(config: EngineConfig) -> int:
    """Parts that a count is cut into."""
    return -(-config.counter_bits // PART_BITS)


def count_layout(config: EngineConfig) -> data.StructLayout:
    """A part of a count: of which counter, by its place in :data:`COUNTERS`; part 0 is lowest."""
    return data.StructLayout(
        {"counter": range(len(COUNTERS)), "part": range(part_count(config)), "bits": PART_BITS}
    )


def counted(strategy: data.StructLayout) -> tuple[str, ...]:
    """The counters that can be other than 0 with a strategy of these events, in their order."""
    of_strategy = {
        "multiplications_executed": "multiplications",
        "lookups": "lookups",
        "hits": "hits",
        "misses": "misses",
        "table_errors": "errors",
        "stall_cycles": "misses",  # nothing else is waited for
    }
    return tuple(
        name
        for name in COUNTERS
        if name not in of_strategy or len(Value.cast(Signal(strategy[of_strategy[name]].shape)))
    )


class Counters(wiring.Component):
    """Count events in a memory, with one adder that visits the counters in turn.

    Events wait in a short counter each until they are visited. A visit adds them to the count,
    part by part, and every count passes by at ``o`` while it is visited: as of three cycles
    before its part 0. Counters that stay 0 take nothing and never pass.

    Parameters
    ----------
    config : EngineConfig
    strategy : StructLayout
        Of the events of its strategy: :func:`hw.strategies.contract.strategy_events_layout`.

    Members
    -------
    events : ``In(events_layout(strategy))``
    clear : ``In(1)``
        All counts become zero; events of this cycle are then counted.
    o : ``Out(stream.Signature(count_layout(config), always_ready=True))``
        The parts of a count in consecutive cycles, part 0 first, in ascending order of counters,
        and over again. After a ``clear``, which may cut a count short, and a reset it begins anew.
    """

    events: data.View
    clear: Signal
    o: stream.Interface

    def __init__(self, config: EngineConfig, strategy: data.StructLayout) -> None:
        self.config = config
        self.names = counted(strategy)
        self.parts = part_count(config)
        super().__init__(
            {
                "events": In(events_layout(strategy)),
                "clear": In(1),
                "o": Out(stream.Signature(count_layout(config), always_ready=True)),
            }
        )

    @property
    def round_cycles(self) -> int:
        """Cycles from a visit of a counter to the next: the longest that a count takes to pass.

        At least 4, since a sum is back in the memory after as many.
        """
        return len(self.names) * self.parts

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.counts = memory = Memory(
            shape=PART_BITS,
            depth=self.round_cycles,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        write, read = memory.write_port(), memory.read_port()
        place = data.StructLayout(
            {
                "slot": range(self.round_cycles),
                "counter": range(len(COUNTERS)),
                "part": range(self.parts),
            }
        )
        # Stage 0: which part is next. After a clear the memory counts as zeros for one round.
        at = [Signal(place, name=f"at_{stage}") for stage in range(4)]
        fresh = [Signal(name=f"fresh_{stage}", init=1) for stage in range(3)]
        valid = [Signal(name=f"valid_{stage}") for stage in range(1, 4)]
        clear = kept_register(m, self.clear, "cleared")  # near by, in the cycle of its events
        self._step(m, at[0], fresh[0], clear)
        m.d.comb += read.addr.eq(at[0].slot)

        # Stage 1: out of the memory; its own register. Stage 2: the word, and the events that wait.
        # Stage 3: their sum.
        shown = Signal(PART_BITS, reset_less=True)
        word = Signal(PART_BITS)
        carry = Signal()
        total = Signal(PART_BITS + 1)
        added = self._added(m, at[2], valid[1], clear)
        m.d.comb += [
            total.eq(word + added[:PART_BITS] + carry),
            write.addr.eq(at[3].slot),
            write.data.eq(total),
            write.en.eq(1),
            self.o.valid.eq(valid[2] & ~clear),
            self.o.payload.counter.eq(at[3].counter),
            self.o.payload.part.eq(at[3].part),
            self.o.payload.bits.eq(total),
        ]
        for row in (at, fresh):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(row)]
        m.d.sync += [
            valid[0].eq(~clear),
            *(later.eq(earlier & ~clear) for earlier, later in pairwise(valid)),
            shown.eq(read.data),
            word.eq(Mux(fresh[2], 0, shown)),
            carry.eq(total[PART_BITS] & (at[2].part != 0)),
        ]
        return m

    def _step(self, m: Module, at: data.View, fresh: Signal, clear: Signal) -> None:
        """From part to part, from counter to counter, and around; anew after a clear."""
        numbers = [COUNTERS.index(name) for name in self.names]
        last = Signal()
        m.d.comb += last.eq(at.part == self.parts - 1)
        m.d.sync += [at.slot.eq(at.slot + 1), at.part.eq(at.part + 1)]
        with m.If(last):
            m.d.sync += [at.part.eq(0), at.counter.eq(at.counter + 1)]
            with m.Switch(at.counter):
                for number, following in pairwise(numbers):
                    if following != number + 1:
                        with m.Case(number):
                            m.d.sync += at.counter.eq(following)
        with m.If(last & (at.counter == numbers[-1])):
            m.d.sync += [at.slot.eq(0), at.counter.eq(numbers[0]), fresh.eq(0)]
        with m.If(clear):
            m.d.sync += [at.slot.eq(0), at.part.eq(0), at.counter.eq(numbers[0]), fresh.eq(1)]

    def _added(self, m: Module, at: data.View, valid: Signal, clear: Signal) -> Value:
        """What is added to the part of the next cycle, in the low bits: the events that wait."""
        came = Signal.like(self.events)
        m.d.sync += came.eq(self.events)
        waiting = {}
        for name in self.names:
            visited = valid & (at.part == 0) & (at.counter == COUNTERS.index(name))
            waiting[name] = self._waiting(m, name, came, visited | clear)
        sums = dict[str, Value](waiting)
        # Few frames wait, so a product would be a multiplier for nothing.
        of_frame = self.config.layer.multiplications_needed
        frames = enumerate(waiting["multiplications_needed"])
        parts = (Mux(bit, of_frame << n, 0) for n, bit in frames)
        sums["multiplications_needed"] = sum(parts, Const(0))
        added = Signal(max(len(value) for value in sums.values()))
        m.d.sync += added.eq(added >> PART_BITS)
        with m.If(at.part == 0), m.Switch(at.counter):
            for name, value in sums.items():
                with m.Case(COUNTERS.index(name)):
                    m.d.sync += added.eq(value)
        return added

    def _waiting(self, m: Module, name: str, came: data.View, begins: Value) -> Signal:
        """How often it happened since the last visit or a clear, in whose cycle it ``begins``."""
        strategy = came.strategy
        increment, apart = {
            "frames": (came.last, self._outputs()),
            "cycles": (came.busy, 1),
            "multiplications_needed": (came.last, self._outputs()),
            "multiplications_executed": (strategy.multiplications, 1),
            "lookups": (strategy.lookups, 1),
            "hits": (strategy.hits, 1),
            "misses": (strategy.misses, 1),
            "stall_cycles": (strategy.stall, 1),
            "frame_errors": (came.bad, self._outputs()),
            "table_errors": (strategy.errors, 1),
        }[name]
        increment = Value.cast(increment)
        # From a clear to the last counter's first visit it is two cycles more than a round.
        most = ((1 << len(increment)) - 1) * -(-(self.round_cycles + 2) // apart)
        waiting = Signal(range(most + 1), name=f"{name}_waiting")
        m.d.sync += waiting.eq(waiting + increment)
        with m.If(begins):
            m.d.sync += waiting.eq(increment)
        return waiting

    def _outputs(self) -> int:
        """Of a frame."""
        return self.config.layer.output_shape[1] * self.config.layer.output_shape[2]
