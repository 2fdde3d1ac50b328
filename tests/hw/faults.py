"""Bits that flip while a block is simulated: all that is marked as state, in any design."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Elaboratable, Fragment
from amaranth.hdl._mem import MemoryInstance

from hw.protection import STATE_ATTRIBUTE

__all__ = ["Flippable", "Word"]


@dataclass(frozen=True, eq=False)
class Word:
    """A word of a memory, or a register: what it is to the simulator, and its kind of state."""

    kind: str
    value: Any
    in_memory: bool


class Flippable(Elaboratable):
    """A block, elaborated, whose state can be flipped in a simulation; otherwise as it is."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.fragment: Any = Fragment.get(dut, None)
        self.words = list(_words(self.fragment))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dut, name)

    def elaborate(self, _platform: object) -> Any:
        return self.fragment

    def flipper(self, rng: random.Random, kinds: str, *, often: float) -> Any:
        """A testbench that flips a bit in one of ``1 / often`` cycles; no memory's word twice."""
        words = [word for word in self.words if word.kind in kinds.split()]
        assert words, f"no {kinds}"

        async def flip(ctx: Any) -> None:
            while words:
                await ctx.tick()
                if rng.random() < often:
                    word = rng.choice(words)
                    place = 1 << rng.randrange(len(word.value))
                    ctx.set(word.value, ctx.get(word.value) ^ place)
                    if word.in_memory:
                        words.remove(word)

        return flip


def _words(fragment: Any) -> Iterator[Word]:
    if isinstance(fragment, MemoryInstance):
        memory: Any = fragment
        if kind := memory._attrs.get(STATE_ATTRIBUTE):
            for n in range(memory._data.depth):
                yield Word(kind, memory._data[n], in_memory=True)
        return
    for domain, statements in fragment.statements.items():
        if domain != "comb":
            for signal in statements._lhs_signals():
                if kind := signal.attrs.get(STATE_ATTRIBUTE):
                    yield Word(kind, signal, in_memory=False)
    for child, _, _ in fragment.subfragments:
        yield from _words(child)
