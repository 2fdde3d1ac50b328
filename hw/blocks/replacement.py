"""What makes room in a lookup table: the policies of replacement, with the state of every set."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Protocol

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from sw.part_configs import LFSR_SEED, LFSR_TAPS

__all__ = ["Replacement"]


class _Policy(Protocol):
    """The state of a set, ``bits`` wide and ``init`` at first, and what follows from it.

    ``shared``: all sets have one state.
    """

    bits: int
    init: int
    shared: bool

    def victim(self, m: Module, state: Value) -> Value:
        """The way that makes room."""
        ...

    def after_use(self, state: Value, way: Value) -> Value:
        """The state once ``way`` was used."""
        ...

    def after_replacement(self, state: Value) -> Value:
        """The state once the victim is taken."""
        ...


class _Fifo:
    """First in, first out: the state is the way whose turn it is."""

    shared = False

    def __init__(self, ways: int) -> None:
        self.ways, self.bits, self.init = ways, ceil_log2(ways), 0

    def victim(self, m: Module, state: Value) -> Value:
        del m
        return state

    def after_use(self, state: Value, way: Value) -> Value:
        del way
        return state

    def after_replacement(self, state: Value) -> Value:
        return Mux(state == self.ways - 1, 0, (state + 1)[: self.bits])


class _TreePlru:
    """A binary tree over the ways; the bit of a node says in which half room is made next.

    Node n, bit n - 1 of the state, is above 2n and 2n + 1. Each use turns the nodes above the
    way to the other half.
    """

    shared = False

    def __init__(self, ways: int) -> None:
        self.levels, self.bits, self.init = ceil_log2(ways), ways - 1, 0

    def victim(self, m: Module, state: Value) -> Value:
        way = Signal(self.levels, name="tree_way")
        for level in range(self.levels):
            first = (1 << level) - 1
            above = way[self.levels - level :]
            here = state[first : 2 * first + 1].bit_select(above, 1)
            m.d.comb += way[self.levels - 1 - level].eq(here)
        return way

    def after_use(self, state: Value, way: Value) -> Value:
        nodes: list[Value] = []
        for level in range(self.levels):
            rest = self.levels - level
            for n in range(1 << level):
                above = way[rest:] == n if level else Const(1)
                nodes.append(Mux(above, ~way[rest - 1], state[len(nodes)]))
        return Cat(*nodes)

    def after_replacement(self, state: Value) -> Value:
        return state  # to be put there is a use


class _Lru:
    """The ways in the order of their last use, the latest in the low bits."""

    shared = False

    def __init__(self, ways: int) -> None:
        self.ways, self.width = ways, ceil_log2(ways)
        self.bits = ways * self.width
        self.init = sum(ways - 1 - n << n * self.width for n in range(ways))

    def victim(self, m: Module, state: Value) -> Value:
        del m
        return state[-self.width :]

    def after_use(self, state: Value, way: Value) -> Value:
        """The way goes to the front; those up to where it was move back by one."""
        order = [state.word_select(n, self.width) for n in range(self.ways)]
        older: Value = Const(1)  # whether the way is not among those in front
        following: list[Value] = [way]
        for n in range(1, self.ways):
            older &= order[n - 1] != way
            following.append(Mux(older, order[n - 1], order[n]))
        return Cat(*following)

    def after_replacement(self, state: Value) -> Value:
        return state  # to be put there is a use


class _Random:
    """The low bits of a shift register, moved on until all of these are new."""

    shared = True
    bits, init = 16, LFSR_SEED

    def __init__(self, ways: int) -> None:
        self.steps = ceil_log2(ways)

    def victim(self, m: Module, state: Value) -> Value:
        del m
        return state[: self.steps]

    def after_use(self, state: Value, way: Value) -> Value:
        del way
        return state

    def after_replacement(self, state: Value) -> Value:
        register = list(state)
        for _ in range(self.steps):
            register = [reduce(xor, (register[tap] for tap in LFSR_TAPS)), *register[:-1]]
        return Cat(*register)


_POLICIES: dict[str, Callable[[int], _Policy]] = {
    "fifo": _Fifo,
    "plru": _TreePlru,
    "lru": _Lru,
    "random": _Random,
}


class Replacement(wiring.Component):
    """Say which way of a set makes room next.

    Exactly :class:`sw.tables.Table`'s policies. What changes a state shows in the next cycle.

    Parameters
    ----------
    policy : "fifo" | "plru" | "lru" | "random"
    sets, ways : int
        A power of two of ways for plru and random.

    Members
    -------
    which : ``In(range(sets))``
        The set that is meant.
    way : ``In(range(ways))``
    used : ``In(1)``
        A lookup found ``way``, or its key was put there.
    replaced : ``In(1)``
        ``victim`` is taken. Never with ``used``.
    flush : ``In(1)``
        All sets become as after a reset.
    victim : ``Out(range(ways))``
        Combinational from ``which``.
    """

    which: Signal
    way: Signal
    used: Signal
    replaced: Signal
    flush: Signal
    victim: Signal

    def __init__(self, policy: str, sets: int, ways: int) -> None:
        self.policy = _POLICIES[policy](ways)
        self.sets, self.ways = sets, ways
        super().__init__(
            {
                "which": In(range(sets)),
                "way": In(range(ways)),
                "used": In(1),
                "replaced": In(1),
                "flush": In(1),
                "victim": Out(range(ways)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.ways == 1:
            return m  # no choice
        policy = self.policy
        following = Signal(policy.bits)
        change = Signal()
        if self.sets == 1 or policy.shared:
            state = self._register(m, following, change)
        else:
            state = self._memory(m, following, change)
        used, replaced = policy.after_use(state, self.way), policy.after_replacement(state)
        m.d.comb += [
            self.victim.eq(policy.victim(m, state)),
            following.eq(Mux(self.used, used, replaced)),
            change.eq(self.used | self.replaced),
        ]
        return m

    def _register(self, m: Module, following: Signal, change: Signal) -> Value:
        """The one state there is."""
        state = Signal(self.policy.bits, init=self.policy.init)
        with m.If(change):
            m.d.sync += state.eq(following)
        with m.If(self.flush):
            m.d.sync += state.eq(self.policy.init)
        return state

    def _memory(self, m: Module, following: Signal, change: Signal) -> Value:
        """The state of the set that is meant; of one that is as new, a bit says so."""
        m.submodules.states = states = Memory(shape=self.policy.bits, depth=self.sets, init=[])
        write, read = states.write_port(), states.read_port(domain="comb")
        changed = Signal(self.sets)
        m.d.comb += [
            read.addr.eq(self.which),
            write.addr.eq(self.which),
            write.data.eq(following),
            write.en.eq(change),
        ]
        with m.If(change):
            m.d.sync += changed.bit_select(self.which, 1).eq(1)
        with m.If(self.flush):
            m.d.sync += changed.eq(0)
        return Mux(changed.bit_select(self.which, 1), read.data, self.policy.init)
