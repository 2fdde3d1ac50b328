"""The AXI4-Lite port: control, status, counters, and what was built, from the register table."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature, Response
from hw.registers import counters_layout
from sw.config import EngineConfig
from sw.register_model import ADDRESS_BITS, DATA_BITS, WORD_BYTES, Register, Window
from sw.registers import COUNTERS, register_map

__all__ = ["ControlPort", "window_write_layout"]

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
    SLVERR (the rules are with the table in ``docs/developer/architecture.md``).

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    bus : ``In(AxiLiteSignature())``
    run : ``Out(1)``
    clear_counters, flush_table : ``Out(1)``
        High for one cycle a command.
    idle, in_frame : ``In(1)``
        ``idle`` opens the windows, unless ``run`` is set.
    counters : ``In(counters_layout(config))``
    refused : ``In(1)``
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
    counters: data.View
    o_write: stream.Interface

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
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
                "counters": In(counters_layout(config)),
                "o_write": Out(stream.Signature(layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        stopped = Signal()
        write = Signal()
        read = Signal()
        # A run that was just set closes the windows before the engine has noticed it.
        m.d.comb += stopped.eq(self.idle & ~self.run)

        # Stage 0: hold what each channel brings until it is used.
        word = Cat(bus.wdata, bus.wstrb)
        address, have_address = _hold(m, bus.awvalid, bus.awready, bus.awaddr, used=write)
        word, have_word = _hold(m, bus.wvalid, bus.wready, word, used=write)
        source, have_source = _hold(m, bus.arvalid, bus.arready, bus.araddr, used=read)

        # Stage 1: act, and respond.
        m.d.comb += [
            write.eq(have_address & have_word & ~bus.bvalid & ~self.o_write.valid),
            read.eq(have_source & ~bus.rvalid),
        ]
        allowed = Signal()
        whole = word[DATA_BITS:].all()
        control = self._write_control(m, write & whole, address, word)
        window = self._write_window(m, write & whole & stopped, address, word)
        m.d.comb += allowed.eq(whole & (control | (window & stopped)))
        _respond(m, write, bus.bvalid, bus.bready)
        with m.If(write):
            m.d.sync += bus.bresp.eq(Mux(allowed, Response.OKAY, Response.SLVERR))
        self._read(m, read, source, stopped)
        _respond(m, read, bus.rvalid, bus.rready)
        return m

    def _write_control(self, m: Module, write: Value, address: Signal, word: Signal) -> Value:
        """Perform a write to CONTROL; returns whether ``address`` is its."""
        register = self.table.register("CONTROL")
        here = address == register.offset
        m.d.sync += [self.clear_counters.eq(0), self.flush_table.eq(0)]
        with m.If(write & here):
            m.d.sync += [getattr(self, f.name).eq(word[f.lsb]) for f in register.fields]
        return here

    def _write_window(self, m: Module, write: Value, address: Signal, word: Signal) -> Value:
        """Hand on a write to a window; returns whether ``address`` is a word of one."""
        payload = self.o_write.payload
        with m.If(self.o_write.ready):
            m.d.sync += self.o_write.valid.eq(0)
        found = Signal(len(self.table.windows))
        for n, window in enumerate(self.table.windows):
            m.d.comb += found[n].eq(_word_exists(window, address))
            with m.If(write & found[n]):
                m.d.sync += [
                    self.o_write.valid.eq(1),
                    payload.index.eq(address[_BYTE_BITS:][: _index_bits(window)]),
                    payload.data.eq(word[:DATA_BITS]),
                    payload.window.eq(1 << n),
                ]
        return found.any()

    def _read(self, m: Module, read: Signal, address: Signal, stopped: Signal) -> None:
        """Read a register; every other address is an error and gives zero."""
        offsets = [register.offset >> _BYTE_BITS for register in self.table.registers]
        bits = max(offsets).bit_length()
        near = Signal(bits)  # the registers lie together: few bits tell them apart
        exists = Signal()
        m.d.comb += near.eq(address[_BYTE_BITS:])
        with m.Switch(near), m.Case(*offsets):
            m.d.comb += exists.eq((near << _BYTE_BITS) == address)
        latches = self._latch_counters(m, read & exists, near)
        values = [self._value(register, stopped, latches) for register in self.table.registers]
        words = dict(zip(offsets, values, strict=True))
        # Bit 0 tells a counter's halves apart; late, so that short halves make a narrow tree.
        order = [*range(1, bits - 1), 0, bits - 1]
        with m.If(read):
            m.d.sync += [
                self.bus.rdata.eq(_select(words, near, order)),
                self.bus.rresp.eq(Mux(exists, Response.OKAY, Response.SLVERR)),
            ]
        with m.If(read & ~exists):
            m.d.sync += self.bus.rdata.eq(0)

    def _latch_counters(self, m: Module, read: Value, near: Signal) -> dict[str, Value]:
        """The high words of the counters, as they were when the low words were read."""
        high_bits = self.config.counter_bits - DATA_BITS
        if high_bits <= 0:
            return {name: Value.cast(0) for name in COUNTERS}
        latches: dict[str, Value] = {}
        for name in COUNTERS:
            latch = latches[name] = Signal(high_bits, name=f"{name}_hi")
            low = self.table.offset(f"{name.upper()}_LO") >> _BYTE_BITS
            with m.If(read & (near == low)):
                m.d.sync += latch.eq(self.counters[name][DATA_BITS:])
        return latches

    def _value(self, register: Register, stopped: Signal, latches: dict[str, Value]) -> Value:
        """What a register reads."""
        if register.value is not None:
            return Value.cast(register.value)
        if register.name == "CONTROL":
            return self.run
        if register.name == "STATUS":
            return Cat(stopped, self.in_frame, self.refused)
        name, _, half = register.name.lower().rpartition("_")
        return self.counters[name][:DATA_BITS] if half == "lo" else latches[name]


def _hold(
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


def _respond(m: Module, done: Signal, valid: Signal, ready: Signal) -> None:
    """Raise ``valid`` when the work is done, until it is taken."""
    with m.If(ready):
        m.d.sync += valid.eq(0)
    with m.If(done):
        m.d.sync += valid.eq(1)


def _select(values: dict[int, Value], index: Signal, order: Sequence[int]) -> Value:
    """``values[index]``, or any of them where there is none, by the index's bits in ``order``.

    A tree of multiplexers, the first bit of ``order`` at its leaves, without the branches that
    no value needs: about half of what synthesis makes of a switch.
    """
    if len(values) == 1:
        return next(iter(values.values()))
    *rest, bit = order
    low = {n: value for n, value in values.items() if not n >> bit & 1}
    high = {n: value for n, value in values.items() if n >> bit & 1}
    if low and high:
        return Mux(index[bit], _select(high, index, rest), _select(low, index, rest))
    return _select(values, index, rest)


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
