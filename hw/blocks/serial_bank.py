"""The template bank with one adder: a program, run once a beat, over one memory of history."""

from __future__ import annotations

from typing import Any, NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.pace import Pace
from hw.serial_plan import SerialPlan
from hw.serial_schedule import LATE_ROWS
from hw.shapes import shape_of

__all__ = ["SerialBank"]


class _Write(NamedTuple):
    """What both copies of the memory write."""

    enable: Signal
    address: Signal
    word: Signal


class SerialBank(wiring.Component):
    """Correlate every window with a bank of template kernels, an addition a cycle.

    y[k](t) = A[k] * sum(pattern[k][c, i, j] * x[c](t - (kh-1-i) * row - (kw-1-j)))         (1)

    As a strategy (:class:`hw.strategies.contract.Strategy`): ``i.valid`` is high in exactly the
    cycles in which a beat moves, and only after a cycle in which ``i_ready_next`` was high. In
    the cycle of a move, beat t is at ``i`` and the sums of beat ``t - latency`` are at ``o``,
    from registers. A beat is held for :attr:`cycles` cycles.

    Two copies of the memory give two operands a cycle; a row of the program goes through the
    stages below, one a cycle. Its second half is that of the operation :data:`LATE_ROWS` rows
    before it, so no part of a row is ever delayed. A read never meets a write of its word.

    Parameters
    ----------
    plan : SerialPlan
        :meth:`SerialPlan.evaluate` gives the same bits.

    Members
    -------
    i : ``In(stream.Signature(ArrayLayout(input, C), always_ready=True))``
    i_ready_next : ``Out(1)``
        Whether a beat may move in the next cycle; combinational.
    o : ``Out(stream.Signature(StructLayout, always_ready=True))``, a field ``k<kernel>`` for each
        template kernel, ascending, as wide as its sum needs
    """

    i: stream.Interface
    i_ready_next: Signal
    o: stream.Interface

    def __init__(self, plan: SerialPlan) -> None:
        self.plan = plan
        sums = {f"k{kernel}": shape_of(limits) for kernel, limits in plan.output_ranges.items()}
        pixel = data.ArrayLayout(shape_of(plan.input_range), plan.channels)
        super().__init__(
            {
                "i": In(stream.Signature(pixel, always_ready=True)),
                "i_ready_next": Out(1),
                "o": Out(stream.Signature(data.StructLayout(sums), always_ready=True)),
            }
        )

    @property
    def latency(self) -> int:
        """Beats from the newest cell of a window to its sums."""
        return self.plan.latency

    @property
    def cycles(self) -> int:
        """Cycles from one beat to the next, at least."""
        return self.plan.cycles

    @property
    def pace(self) -> Pace:
        """How long it holds a beat."""
        return Pace(hold=self.cycles, hold_emitting=self.cycles)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        address_bits = (self.plan.words - 1).bit_length()
        row = self._program(m, address_bits)
        word = Signal(shape_of(self.plan.word_range))

        # Stage 2: the addresses. The base moves when a program's first row is here.
        base = Signal(address_bits, reset_less=True)
        reads = [Signal.like(base, name=name, reset_less=True) for name in ("read_a", "read_b")]
        target = Signal.like(base, reset_less=True)
        moved = Signal(2)
        m.d.sync += [moved.eq(Cat(self.i.valid, moved)), target.eq(base + row.target)]
        m.d.sync += [r.eq(base + offset) for r, offset in zip(reads, (row.a, row.b), strict=True)]
        with m.If(moved[1]):
            m.d.sync += base.eq(base - 1)

        # Stages 3 and 4: the operands.
        enable = Signal()
        m.d.sync += enable.eq(row.write)
        write = _Write(enable=enable, address=target, word=word)
        a, b = (self._copy(m, name, read, write) for name, read in zip("ab", reads, strict=True))

        # Stage 5: the sum; zero for a pixel.
        total = Signal.like(word, reset_less=True)
        m.d.sync += total.eq(_add(a, b, row.negative))
        with m.If(row.channel.any()):
            m.d.sync += total.eq(0)
        self._finish(m, row, total, word)
        return m

    def _program(self, m: Module, address_bits: int) -> data.View:
        """Stages 0 and 1: the row to be carried out, all zero between two beats."""
        plan = self.plan
        layout = data.StructLayout(
            {
                "a": unsigned(address_bits),
                "b": unsigned(address_bits),
                "negative": 1,
                "channel": unsigned(plan.channels),
                "target": unsigned(address_bits),
                "write": 1,
                "shown": 1,
            }
        )
        # Row 0 is that of no beat; the program ends in the last one, and so does the count.
        count_bits = plan.cycles.bit_length()
        first = (1 << count_bits) - plan.cycles
        rows: list[dict[int | str, Any]] = [{} for _ in range(1 << count_bits)]
        for n, step in enumerate(plan.steps, first):
            if step is not None:
                rows[n] |= {"a": step.a, "b": step.b}
                rows[n + LATE_ROWS] |= {
                    "negative": step.negative,
                    "channel": 0 if step.channel is None else 1 << step.channel,
                    "target": step.target or 0,
                    "write": step.target is not None,
                    "shown": step.shown,
                }
        counter = Signal(count_bits + 1, init=1 << count_bits)
        done = counter[-1]
        m.d.comb += self.i_ready_next.eq(~self.i.valid & (done | counter[1:-1].all()))
        with m.If(self.i.valid):
            m.d.sync += counter.eq(first)
        with m.Elif(~done):
            m.d.sync += counter.eq(counter + 1)
        words = [layout.const(row).as_bits() for row in rows]
        m.submodules.program = memory = Memory(
            shape=layout.size, depth=len(words), init=words, attrs={"ram_style": "block"}
        )
        port = memory.read_port()
        row = Signal(layout, reset_less=True)
        m.d.comb += port.addr.eq(counter[:-1])
        m.d.sync += row.eq(port.data)
        return row

    def _copy(self, m: Module, name: str, read: Signal, write: _Write) -> Signal:
        """A copy of the memory, and the register behind its read port."""
        word = write.word
        memory = Memory(
            shape=word.shape(), depth=1 << len(read), init=[], attrs={"no_rw_check": "1"}
        )
        m.submodules[f"history_{name}"] = memory
        write_port, read_port = memory.write_port(), memory.read_port()
        operand = Signal.like(word, name=f"operand_{name}", reset_less=True)
        m.d.sync += operand.eq(read_port.data)
        m.d.comb += [
            read_port.addr.eq(read),
            write_port.addr.eq(write.address),
            write_port.data.eq(word),
            write_port.en.eq(write.enable),
        ]
        return operand

    def _finish(self, m: Module, row: data.View, total: Signal, word: Signal) -> None:
        """Stage 6: what is written, and the register through which all that is shown is shifted."""
        plan = self.plan
        pixel = Signal.like(self.i.payload, reset_less=True)
        channel = Signal.like(row.channel, reset_less=True)
        shift = Signal()
        with m.If(self.i.valid):
            m.d.sync += pixel.eq(self.i.payload)
        m.d.sync += [channel.eq(row.channel), shift.eq(row.shown)]
        chosen: Value = total
        for n in range(plan.channels):
            chosen = chosen | Mux(channel[n], pixel[n], 0)
        m.d.comb += [word.eq(chosen), self.o.valid.eq(self.i.valid)]
        shown = Signal(data.ArrayLayout(word.shape(), plan.shown), reset_less=True)
        with m.If(shift):
            m.d.sync += Value.cast(shown).eq(Cat(Value.cast(shown)[len(total) :], total))
        for kernel, place in plan.outputs.items():
            m.d.comb += self.o.payload[f"k{kernel}"].eq(shown[place.position] << place.shift)


def _add(a: Signal, b: Signal, negative: Value) -> Value:
    """``a + b``, or ``a - b``, by one adder: its carry in is that of a bit below."""
    inverted = b ^ negative.replicate(len(b))
    return (Cat(1, a) + Cat(negative, inverted))[1:]
