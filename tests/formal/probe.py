"""Reach into an elaborated block, for the invariants of an induction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from amaranth.hdl import Const, Fragment, Signal, Value, unsigned
from amaranth.hdl._mem import MemoryInstance

__all__ = ["Probe"]


class Probe:
    """Signals and memory words inside an elaborated block, by the names in its source."""

    def __init__(self, fragment: Fragment) -> None:
        self.fragment = fragment

    def _descend(self, path: Sequence[str]) -> Fragment:
        fragment: Any = self.fragment
        for name in path:
            fragment = next(child for child, given, _ in fragment.subfragments if given == name)
        return fragment

    def state(self) -> Iterator[tuple[str, Value, Value]]:
        """All that can change the block: (name, value, 1 where it may change now).

        Of a register the value and a constant 1; of a memory port a constant and its enable.
        """
        yield from self._state(self.fragment, "")

    def _state(self, fragment: Any, prefix: str) -> Iterator[tuple[str, Value, Value]]:
        if isinstance(fragment, MemoryInstance):
            memory: Any = fragment
            for kind, ports in (("write", memory._write_ports), ("read", memory._read_ports)):
                for port in ports:
                    yield f"{prefix}{kind}", Const(0), port._en.any()
            return
        for domain, statements in fragment.statements.items():
            if domain != "comb":
                for signal in statements._lhs_signals():
                    yield prefix + signal.name, signal, Const(1)
        for child, name, _ in fragment.subfragments:
            yield from self._state(child, f"{prefix}{name} ")

    def _memory(self, path: str) -> Any:
        instance = self._descend(path.split("."))
        assert isinstance(instance, MemoryInstance), path
        return instance

    def signal(self, path: str, *, otherwise: int | str | None = None) -> Signal:
        """The signal that ``child.child.name`` assigns.

        Amaranth names only the last of the signals that one statement creates, and that after
        the last target. ``otherwise`` says which it is then: a wrong name, or the turn in which
        it is created among the nameless ones of its block.

        Raises
        ------
        LookupError
            If there is none, or more than one of that name.
        """
        *children, name = path.split(".")
        fragment: Any = self._descend(children)
        every = {
            signal.duid: signal
            for statements in fragment.statements.values()
            for signal in statements._lhs_signals()
        }
        found = [signal for signal in every.values() if signal.name == name]
        if not found and isinstance(otherwise, str):
            found = [signal for signal in every.values() if signal.name == otherwise]
        if not found and isinstance(otherwise, int):
            nameless = [every[n] for n in sorted(every) if every[n].name == "$signal"]
            found = nameless[otherwise : otherwise + 1]
        if len(found) != 1:
            raise LookupError(f"{len(found)} signals are called {path}")
        return found[0]

    def read_data(self, path: str) -> Value:
        """The output of the first read port of the memory ``child.child.memory``."""
        instance = self._memory(path)
        return instance._read_ports[0]._data

    def word(self, path: str, address: int) -> Signal:
        """A word of the memory ``child.child.memory``, as it is now."""
        instance = self._memory(path)
        bits = max((instance._data.depth - 1).bit_length(), 0)
        word = Signal(unsigned(len(Const(0, instance._data.shape))), name=f"word_{address}")
        instance.read_port(
            domain="comb",
            addr=Const(address, bits),
            data=word,
            en=Const(1),
            transparent_for=(),
        )
        return word
