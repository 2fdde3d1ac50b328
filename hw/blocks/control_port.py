"""The AXI4-Lite port: control, status, counters, and what was built, from the register table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature, Response
from hw.blocks.counters import PART_BITS, count_layout, part_count
from sw.config import EngineConfig
from sw.register_model import ADDRESS_BITS, DATA_BITS, WORD_BYTES, Window
from sw.registers import COUNTERS, register_map

__all__ = ["ControlPort", "hold", "respond", "select", "window_write_layout"]

_BYTE_BITS = (WORD_BYTES - 1).bit_length()


def window_write_layout(config: EngineConfig) -> data.StructLayout:
    """One accepted write to a window: which (one-hot), the word's index in it, and the word.

    ``window`` has a bit for each window of the table, by its name in lower case. ``index`` is
    ``(address - offset) / 4``: k, or for a weight ``c * stride + p``.
    """
    windows = register_map(config).windows
    index_bits = max((_index_bits(window) for window in windows), default=0)
    chosen = data.StructLayout({window.name.lower(): 1 for window in windows})
    return data.StructLayout({"window": chosen, "index": unsigned(index_bits), "data": DATA_BITS})


def _index_bits(window: Window) -> int:
    return (window.region_words - 1).bit_length()


class ControlPort(wiring.Component):
    """The engine's registers on AXI4-Lite, one write and one read at a time.

    Address and data of a write may come in any order. A response stays until it is taken. All
    outputs come from registers, and no ``ready`` depends on a ``valid`` of the same cycle. A
    write takes effect in the cycle in which ``bvalid`` rises; what has no effect is answered
    SLVERR (the rules are with the table in ``docs/developer/architecture.md``). Reading the low
    word of a counter waits until its count has passed by, and keeps the high word.

    Parameters
    ----------
    config : EngineConfig
    counted : sequence of str
        The counters whose counts pass by; the others read 0.

    Members
    -------
    bus : ``In(AxiLiteSignature())``
    run : ``Out(1)``
    clear_counters, flush_table : ``Out(1)``
        High for one cycle a command.
    idle, in_frame : ``In(1)``
        ``idle`` opens the windows, unless ``run`` is set.
    i_count : ``In(stream.Signature(count_layout(config), always_ready=True))``
        Parts of counts; those of one counter in consecutive cycles, part 0 first.
    refused, damaged : ``In(1)``
    o_write : ``Out(stream.Signature(window_write_layout(config)))``
        The next write of any kind waits until it is taken.
    """

    bus: AxiLite
    run: Signal
    clear_counters: Signal
    flush_table: Signal
    idle: Signal
    in_frame: Signal
    refused: Signal
    damaged: Signal
    i_count: stream.Interface
    o_write: stream.Interface

    def __init__(self, config: EngineConfig, counted: Sequence[str]) -> None:
        self.config = config
        self.counted = tuple(counted)
        self.table = register_map(config)
        layout = window_write_layout(config)
        super().__init__(
            {
                "bus": In(AxiLiteSignature(address_bits=ADDRESS_BITS, data_bits=DATA_BITS)),
                "run": Out(1),
                "clear_counters": Out(1),
                "flush_table": Out(1),
                "idle": In(1),
                "in_frame": In(1),
                "refused": In(1),
                "damaged": In(1),
                "i_count": In(stream.Signature(count_layout(config), always_ready=True)),
                "o_write": Out(stream.Signature(layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        stopped = Signal()
        write = Signal()
        read = Signal()
        waits = Signal()
        # A run that was just set closes the windows before the engine has noticed it.
        m.d.comb += stopped.eq(self.idle & ~self.run)

        # Stage 0: hold what each channel brings until it is used.
        word = Cat(bus.wdata, bus.wstrb)
        address, have_address = hold(m, bus.awvalid, bus.awready, bus.awaddr, used=write)
        word, have_word = hold(m, bus.wvalid, bus.wready, word, used=write)
        source, have_source = hold(m, bus.arvalid, bus.arready, bus.araddr, used=read)

        # Stage 1: what the addresses name. An address stays until it is used, so its meaning does.
        known_write = self._known(m, have_address & have_word, write, "write")
        known_read = self._known(m, have_source, read, "read")
        is_control, in_window = self._decode_write(m, address)

        # Stage 2: act, and respond.
        m.d.comb += [
            write.eq(known_write & ~bus.bvalid & ~self.o_write.valid),
            read.eq(known_read & ~bus.rvalid & ~waits),
        ]
        allowed = Signal()
        whole = word[DATA_BITS:].all()
        self._write_control(m, write & whole & is_control, word)
        self._write_window(m, write & whole & stopped, in_window, address, word)
        m.d.comb += allowed.eq(whole & (is_control | (in_window.any() & stopped)))
        respond(m, write, bus.bvalid, bus.bready)
        with m.If(write):
            m.d.sync += bus.bresp.eq(Mux(allowed, Response.OKAY, Response.SLVERR))
        self._read(m, known_read & ~bus.rvalid, source, stopped, waits)
        respond(m, read, bus.rvalid, bus.rready)
        return m

    def _known(self, m: Module, held: Value, used: Signal, name: str) -> Signal:
        """Whether what is held was decoded."""
        known = Signal(name=f"{name}_known")
        m.d.sync += known.eq(held & ~used)
        return known

    def _decode_write(self, m: Module, address: Signal) -> tuple[Signal, Signal]:
        """Registers: whether the address is CONTROL's; the window of which it is a word."""
        is_control = Signal()
        in_window = Signal(len(self.table.windows))
        m.d.sync += [
            is_control.eq(address == self.table.offset("CONTROL")),
            *(
                bit.eq(_word_exists(window, address))
                for bit, window in zip(in_window, self.table.windows, strict=True)
            ),
        ]
        return is_control, in_window

    def _write_control(self, m: Module, write: Value, word: Signal) -> None:
        """Perform a write to CONTROL."""
        m.d.sync += [self.clear_counters.eq(0), self.flush_table.eq(0)]
        with m.If(write):
            fields = self.table.register("CONTROL").fields
            m.d.sync += [getattr(self, f.name).eq(word[f.lsb]) for f in fields]

    def _write_window(
        self, m: Module, write: Value, in_window: Signal, address: Signal, word: Signal
    ) -> None:
        """Hand on a write to a window, if it is to one."""
        payload = self.o_write.payload
        with m.If(self.o_write.ready):
            m.d.sync += self.o_write.valid.eq(0)
        for n, window in enumerate(self.table.windows):
            with m.If(write & in_window[n]):
                m.d.sync += [
                    self.o_write.valid.eq(1),
                    payload.index.eq(address[_BYTE_BITS:][: _index_bits(window)]),
                    payload.data.eq(word[:DATA_BITS]),
                    payload.window.eq(1 << n),
                ]

    def _read(
        self, m: Module, asked: Value, address: Signal, stopped: Signal, waits: Signal
    ) -> None:
        """Read a register; every other address is an error and gives zero."""
        # Stage 1: which register it is, and all of it that never changes. They lie together: few
        # bits tell them apart.
        near = Signal(max(r.offset >> _BYTE_BITS for r in self.table.registers).bit_length())
        constant = Signal(DATA_BITS)
        named = self._named(m, near, exists=address == (near << _BYTE_BITS))
        constants = {r.offset >> _BYTE_BITS: Value.cast(r.value or 0) for r in self.table.registers}
        m.d.comb += near.eq(address[_BYTE_BITS:])
        m.d.sync += constant.eq(select(constants, near))

        # Stage 2. One multiplexer for each half of the word, and an enable: a count comes in parts.
        high = Signal(max(self.config.counter_bits - DATA_BITS, 0))
        known = Signal(DATA_BITS)
        shown = (
            Mux(named[name], value, 0) for name, value in self._changing(stopped, high).items()
        )
        m.d.comb += [known.eq(reduce(or_, shown, constant)), waits.eq(named["low"])]
        passes = self._passes(m, asked & named["low"], near, waits)
        word = Cat(self.bus.rdata, high)
        for start in range(0, max(DATA_BITS, self.config.counter_bits), PART_BITS):
            part = start // PART_BITS
            target = word[start:][:PART_BITS]
            count = self.i_count.payload.bits[: max(0, self.config.counter_bits - start)]
            comes = passes
            if part < part_count(self.config):
                comes &= self.i_count.payload.part == part
            if start >= DATA_BITS:
                with m.If(comes):
                    m.d.sync += target.eq(count)
                continue
            with m.If(comes | (asked & ~named["low"])):
                m.d.sync += target.eq(Mux(named["low"], count, known[start:]))
        with m.If(asked):
            m.d.sync += self.bus.rresp.eq(Mux(named["any"], Response.OKAY, Response.SLVERR))
        with m.If(asked & ~named["any"]):
            m.d.sync += self.bus.rdata.eq(0)

    def _named(self, m: Module, near: Signal, *, exists: Value) -> dict[str, Signal]:
        """A register for each kind of address that reads differently; "any": it exists."""
        kinds = {
            "any": [register.offset for register in self.table.registers],
            "control": [self.table.offset("CONTROL")],
            "status": [self.table.offset("STATUS")],
            "low": [self.table.offset(f"{name.upper()}_LO") for name in self.counted],
            "high": [self.table.offset(f"{name.upper()}_HI") for name in self.counted],
        }
        named = {kind: Signal(name=f"read_{kind}") for kind in kinds}
        for kind, offsets in kinds.items():
            here = near.matches(*(offset >> _BYTE_BITS for offset in offsets))
            m.d.sync += named[kind].eq(exists & here)
        return named

    def _changing(self, stopped: Signal, high: Signal) -> dict[str, Value]:
        """What reads differently with time, but for the counts that pass by."""
        status = Cat(stopped, self.in_frame, self.refused, self.damaged)
        return {"control": self.run, "status": status, "high": high}

    def _passes(self, m: Module, asked: Value, near: Signal, waits: Signal) -> Signal:
        """Whether a part of the count that is asked for passes by; with its last nothing waits."""
        count = self.i_count.payload
        first = self.table.offset(f"{COUNTERS[0].upper()}_LO") >> _BYTE_BITS
        number = Signal.like(count.counter)
        begun = Signal()
        passes = Signal()
        m.d.comb += passes.eq(
            asked & self.i_count.valid & (count.counter == number) & (begun | (count.part == 0))
        )
        m.d.sync += [
            number.eq((near - first) >> 1),
            begun.eq(passes),
        ]
        with m.If(passes & (count.part == part_count(self.config) - 1)):
            m.d.comb += waits.eq(0)
        return passes


def hold(
    m: Module, valid: Signal, ready: Signal, payload: Value, *, used: Signal
) -> tuple[Signal, Signal]:
    """A register that takes one payload and keeps it until ``used``: (the register, full)."""
    register = Signal(len(payload), name=f"{valid.name}_payload")
    full = Signal(name=f"{valid.name}_held")
    m.d.comb += ready.eq(~full)
    with m.If(used):
        m.d.sync += full.eq(0)
    with m.If(valid & ready):
        m.d.sync += [full.eq(1), register.eq(payload)]
    return register, full


def respond(m: Module, done: Signal, valid: Signal, ready: Signal) -> None:
    """Raise ``valid`` when the work is done, until it is taken."""
    with m.If(ready):
        m.d.sync += valid.eq(0)
    with m.If(done):
        m.d.sync += valid.eq(1)


def select(values: dict[int, Value], index: Signal) -> Value:
    """``values[index]``, or any of them where there is none.

    A tree of multiplexers without the branches that no value needs: about half of what
    synthesis makes of a switch.
    """
    return _branch(values, index, len(index))


def _branch(values: dict[int, Value], index: Signal, bits: int) -> Value:
    if len(values) == 1:
        return next(iter(values.values()))
    low = {n: value for n, value in values.items() if not n >> (bits - 1) & 1}
    high = {n: value for n, value in values.items() if n >> (bits - 1) & 1}
    if low and high:
        return Mux(index[bits - 1], _branch(high, index, bits - 1), _branch(low, index, bits - 1))
    return _branch(values, index, bits - 1)


def _word_exists(window: Window, address: Signal) -> Value:
    """Whether a byte address is that of a word of the window."""
    column_bits = (window.stride - 1).bit_length()
    row_bits = _index_bits(window) - column_bits
    word = address[_BYTE_BITS:]
    column, row = word[:column_bits], word[column_bits : column_bits + row_bits]
    base = window.offset // window.region_bytes
    return (
        ~address[:_BYTE_BITS].any()
        & (word[_index_bits(window) :] == base)
        & (column < window.columns)
        & (row < window.rows)
    )
