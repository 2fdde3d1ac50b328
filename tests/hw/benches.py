"""What the stream helpers leave open: watching each cycle, and inputs that wait for one another."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Assert, Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring

from hw.blocks.skid_buffer import SkidBuffer
from tests.hw.streams import Reader

__all__ = ["Ahead", "InTurn", "Narrow", "Recorder"]


class Recorder:
    """Keeps the values of signals at the end of every cycle.

    Attributes
    ----------
    cycles : list of dict
        One a cycle, from the names given to the values, as ints, lists and dicts.
    """

    def __init__(self, **signals: Any) -> None:
        self.signals = {name: Reader(signal) for name, signal in signals.items()}
        self.cycles: list[dict[str, Any]] = []

    async def watch(self, ctx: Any) -> None:
        """Watch until the simulation ends: the testbench."""
        bits = [reader.bits for reader in self.signals.values()]
        while True:
            _, _, *values = await ctx.tick().sample(*bits)
            read = zip(self.signals.items(), values, strict=True)
            self.cycles.append({name: reader.read(value) for (name, reader), value in read})


class Ahead(Elaboratable):
    """A block that wants to know what its neighbours will do, between two that can say it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.before = SkidBuffer(dut.i.payload.shape())
        self.after = SkidBuffer(dut.o.payload.shape())
        self.i, self.o = self.before.i, self.after.o

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dut, name)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules += [self.before, self.dut, self.after]
        wiring.connect(m, self.before.o, self.dut.i)
        wiring.connect(m, self.dut.o, self.after.i)
        m.d.comb += [
            self.dut.i_next.eq(self.before.o_next),
            self.dut.o_next.eq(self.after.i_next),
        ]
        # Never in vain: the datapath moves only when both can.
        claim = Assert(
            ~self.dut.o.valid | (self.before.o.valid & self.after.i.ready),
            "the datapath moved alone",
        )
        m.d.sync += claim
        return m


class Narrow(Elaboratable):
    """A block one of whose streams is wide, with an ordinary stream in its place."""

    def __init__(self, dut: Any, name: str) -> None:
        self.dut, self.name = dut, name
        wide = dut.signature.members[name]
        shape = wide.signature.shape
        for length in reversed(wide.signature.dimensions):
            shape = data.ArrayLayout(shape, length)
        member = wiring.Member(wide.flow, stream.Signature(shape))
        self.signature = wiring.Signature({**dict(dut.signature.members), name: member})
        setattr(self, name, stream.Signature(shape).create(path=(name,)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dut, name)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.dut = self.dut
        narrow, wide = getattr(self, self.name), getattr(self.dut, self.name)
        source, sink = narrow, wide
        if self.dut.signature.members[self.name].flow is wiring.Out:
            source, sink = wide, narrow
        m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready)]
        for a, words in enumerate(wide.payload):
            for b, _ in enumerate(words):
                m.d.comb += sink.payload[a][b].eq(source.payload[a][b])
        return m


class InTurn(Elaboratable):
    """A block whose input streams are fed one after the other, in the order of one list.

    :meth:`item` makes the payloads of ``i``. An input that is not a stream is high for one cycle
    when its turn comes; so is the reset of the block, by the name of "reset". The turn of
    "swap_when_loaded" is that of ``swap``, and waits for ``loaded``.
    """

    def __init__(self, dut: Any, *names: str) -> None:
        self.dut = dut
        self.names = names
        self.o = dut.o
        members = dut.signature.members
        self.reset = Signal()
        self.streams = [n for n in names if n in members and members[n].is_signature]
        fields = {name: getattr(dut, name).payload.shape() for name in self.streams}
        layout = data.StructLayout({"to": range(len(names)), **fields})
        self.i = stream.Signature(layout).create(path=("i",))

    def item(self, name: str, payload: Any = None) -> dict[str, Any]:
        """A payload of ``i``."""
        to = {"to": self.names.index(name)}
        return {**to, name: payload} if name in self.streams else to

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.dut = ResetInserter(self.reset)(self.dut)
        for n, name in enumerate(self.names):
            chosen = self.i.payload.to == n
            if name == "swap_when_loaded":
                m.d.comb += self.dut.swap.eq(self.i.valid & chosen & self.dut.loaded)
                with m.If(chosen):
                    m.d.comb += self.i.ready.eq(self.dut.loaded)
                continue
            port = self.reset if name == "reset" else getattr(self.dut, name)
            if name not in self.streams:
                m.d.comb += port.eq(self.i.valid & chosen)
                with m.If(chosen):
                    m.d.comb += self.i.ready.eq(1)
                continue
            m.d.comb += port.valid.eq(self.i.valid & chosen)
            m.d.comb += port.payload.eq(self.i.payload[name])
            with m.If(chosen):
                m.d.comb += self.i.ready.eq(port.ready)
        return m
