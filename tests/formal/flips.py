"""What the proofs of damaged state share: one bit of it flips, any one at any time."""

from __future__ import annotations

from typing import Any

from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Cat, Const, Fragment, Module, Signal, Value
from amaranth.hdl._mem import MemoryInstance

from hw.protection import STATE_ATTRIBUTE, Guard

__all__ = ["Blind", "Flip"]


class Flip:
    """One bit of the marked state of these names: which, and when, is free and constant."""

    def __init__(self, m: Module, names: str) -> None:
        self.names = names.split()
        self.sites = 0
        widths = {"site": 2, "cycle": 5, "address": 5, "bit": 5}
        free = {name: Signal(bits, name=f"flip_{name}") for name, bits in widths.items()}
        m.d.comb += [signal.eq(AnyConst(len(signal))) for signal in free.values()]
        self.site, self.address, self.bit = free["site"], free["address"], free["bit"]
        now = Signal(5)
        m.d.sync += now.eq(now + (now != 31))
        self.now = Signal(name="flip_now")
        m.d.comb += self.now.eq((now == free["cycle"]) & (now != 31))

    def _here(self) -> Value:
        self.sites += 1
        return self.now & (self.site == self.sites - 1)

    def add(self, fragment: Any, still: Value) -> None:
        """Let the state below ``fragment`` flip; registers only while they are ``still``."""
        for signal in _registers(fragment):
            if signal.name not in self.names:
                continue
            flip = Module()
            with flip.If(self._here() & still):
                flip.d.sync += signal.eq(signal ^ (1 << self.bit)[: len(signal)])
            fragment.add_statements("sync", Fragment.get(flip, None).statements["sync"])
        for child, name, _ in fragment.subfragments:
            if not isinstance(child, MemoryInstance):
                self.add(child, still)
            elif name in self.names:
                self._memory(child)

    def _memory(self, memory: Any) -> None:
        assert STATE_ATTRIBUTE in memory._attrs
        width, bits = len(Const(0, memory._data.shape)), (memory._data.depth - 1).bit_length()
        word = Signal(width, name="flipped")
        address = self.address[:bits]
        memory.read_port(domain="comb", addr=address, data=word, en=Const(1), transparent_for=())
        other: Any = memory._write_ports[0]
        free = ~(other._en.any() & (other._addr == address)) & (self.address < memory._data.depth)
        memory.write_port(
            domain="sync",
            addr=address,
            data=word ^ (1 << self.bit)[:width],
            en=self._here() & free,
        )


def _registers(fragment: Any) -> list[Signal]:
    statements = fragment.statements.get("sync", [])
    signals = statements._lhs_signals() if statements else []
    return [signal for signal in signals if STATE_ATTRIBUTE in signal.attrs]


class Blind(Guard):
    """Words are as wide as with a parity, but have none."""

    def guarded(self, word: Value) -> Value:
        return Cat(word, Const(0, 1))

    def damaged(self, word: Value) -> Value:  # noqa: ARG002
        return Const(0)
