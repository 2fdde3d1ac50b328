"""The stream contract, once, for every proof: stability, and nothing lost, doubled or reordered.

A proof is a :class:`Harness` around a block: all of the block's inputs are free, and
:meth:`Harness.properties` says what is assumed and asserted. :class:`~tests.formal.probe.Probe`
reaches into the block for the invariants of an induction.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import (
    Assert,
    Assume,
    Cat,
    Const,
    Fragment,
    Module,
    Mux,
    ResetSignal,
    Signal,
    Value,
    ValueLike,
)
from amaranth.lib import stream, wiring

from tests.formal.probe import Probe

__all__ = [
    "BeatHarness",
    "Harness",
    "HoldHarness",
    "as_value",
    "claim",
    "foretells",
    "history",
    "keeps_until_ready",
    "moves",
    "past",
    "same_steps",
    "suppose",
    "tagged_transfer",
    "waits_at_most",
]


class Harness(wiring.Component):
    """A block with all its inputs free, without resets; subclasses state the properties.

    Parameters
    ----------
    dut : wiring.Component

    Attributes
    ----------
    resets : bool
        Whether there may be resets after all, at any time.
    """

    resets = False

    # The block's streams, as this component's own members; a block has more, which are untyped.
    i: Any
    o: Any

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        super().__init__(dut.signature)

    def properties(self, m: Module, probe: Probe) -> None:
        """Add what is assumed and asserted; ``self`` has the block's members."""
        raise NotImplementedError

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fragment = Fragment.get(self.dut, platform)
        self.properties(m, Probe(fragment))
        m.submodules.dut = fragment
        wiring.connect(m, wiring.flipped(self), self.dut)
        if not self.resets:
            suppose(m, ~ResetSignal())
        return m


def claim(m: Module, condition: ValueLike, what: str) -> None:
    """Assert ``condition``; ``what``, in letters and digits, names it where it breaks."""
    holds = Signal(name=f"claim_{what.replace(' ', '_')}")
    m.d.comb += [holds.eq(Value.cast(condition).any()), Assert(holds, None)]


def suppose(m: Module, condition: ValueLike) -> None:
    """Assume ``condition`` in every cycle."""
    m.d.comb += Assume(condition, None)


def as_value(payload: Any) -> Value:
    """A payload as one word, also where it is an array of signals (a ``WideStream``'s)."""
    if isinstance(payload, (list, tuple)):
        return Cat(*map(as_value, payload))
    return Value.cast(payload)


def past(m: Module, value: ValueLike, *, init: int = 0) -> Signal:
    """``value`` as it was one cycle ago; ``init`` in the first."""
    value = Value.cast(value)
    register = Signal(value.shape(), init=init, name="past")
    m.d.sync += register.eq(value)
    return register


def keeps_until_ready(m: Module, port: stream.Interface, *, assume: bool = False) -> None:
    """Once valid, a stream stays valid with its payload until it is ready: assert or assume."""
    waiting = past(m, port.valid & ~port.ready)
    bits = as_value(port.payload)
    same = bits == past(m, bits)
    if assume:
        suppose(m, ~waiting | (port.valid & same))
        return
    claim(m, ~waiting | port.valid, "valid stays until ready")
    claim(m, ~waiting | ~port.valid | same, "payload stays until ready")


def foretells(m: Module, announced: ValueLike, actual: ValueLike, what: str) -> None:
    """``announced`` says in each cycle what ``actual`` is in the next."""
    begun = past(m, 1)
    claim(m, ~begun | (past(m, announced) == actual), f"{what} was foretold")


def moves(port: stream.Interface) -> Value:
    """Whether a transfer takes place."""
    return Value.cast(port.valid & port.ready)


def same_steps(m: Module, i: stream.Interface, o: stream.Interface) -> None:
    """A beat goes in exactly when one comes out; ``o.valid`` without ``i.valid`` never."""
    claim(m, moves(i) == moves(o), "beats move on both sides")
    claim(m, ~o.valid | i.valid, "valid only with a beat")


def waits_at_most(m: Module, i: stream.Interface, o: stream.Interface, cycles: int) -> None:
    """With ``o.ready``, a valid input is taken after at most ``cycles`` cycles of waiting."""
    waited = Signal(range(cycles + 2))
    with m.If(moves(i) | ~i.valid):
        m.d.sync += waited.eq(0)
    with m.Elif(o.ready & (waited <= cycles)):
        m.d.sync += waited.eq(waited + 1)
    claim(m, waited <= cycles, "the input waits no longer")


def history(m: Module, step: ValueLike, value: ValueLike, beats: int) -> list[Value]:
    """``value`` as it was 0, 1, .. ``beats`` steps ago."""
    value = Value.cast(value)
    values: list[Value] = [value]
    for n in range(beats):
        register = Signal(value.shape(), name=f"ago_{n + 1}")
        with m.If(step):
            m.d.sync += register.eq(values[-1])
        values.append(register)
    return values


def tagged_transfer(
    m: Module,
    *,
    push: ValueLike,
    pushed: ValueLike,
    pop: ValueLike,
    popped: ValueLike,
    capacity: int,
    initial: int = 0,
    agree: Callable[[Value, Value], Value] = operator.eq,
    name: str = "transfers",
) -> Signal:
    """A queue loses, doubles and reorders nothing: follow one transfer, any one, to its exit.

    At most ``capacity`` transfers are inside; an arbitrary one is remembered with the number of
    those ahead of it, and must come out unchanged when these have left. A transfer may come out
    in the cycle in which it goes in. ``initial`` transfers of arbitrary content are inside at
    first (a beat-synchronous block has ``latency``).

    Parameters
    ----------
    push, pop : 1 bit
        A transfer goes in, comes out.
    pushed, popped : value
        What goes in, as it should come out; what comes out.
    agree : callable
        ``agree(popped, pushed)``, if not equality.
    name : str
        Of what is transferred, for the claims.

    Returns
    -------
    Signal
        How many are inside.
    """
    push, pop = Value.cast(push), Value.cast(pop)
    most = max(capacity, initial)
    inside = Signal(range(most + 2), init=initial)
    m.d.sync += inside.eq(inside + push - pop)
    leaves, expected = _followed(m, push=push, pushed=Value.cast(pushed), pop=pop, inside=inside)
    claim(m, ~pop | (inside != 0) | push, f"no {name} come from nowhere")
    claim(m, inside <= most, f"no {name} are lost")
    claim(m, ~leaves | agree(Value.cast(popped), expected), f"{name} leave unchanged and in order")
    return inside


def _followed(
    m: Module, *, push: Value, pushed: Value, pop: Value, inside: Signal
) -> tuple[Signal, Signal]:
    """Whether the transfer that is followed leaves now, and what it was when it went in."""
    followed, done = Signal(), Signal()
    expected, ahead = Signal(pushed.shape()), Signal.like(inside, init=0)
    begin, leaves = Signal(), Signal()
    current, position = Signal.like(expected), Signal.like(ahead)
    m.d.comb += [
        begin.eq(_is_chosen(m, push) & ~followed & ~done),
        current.eq(Mux(begin, pushed, expected)),
        position.eq(Mux(begin, inside, ahead)),
        leaves.eq((begin | followed) & (position == 0) & pop),
    ]
    m.d.sync += [
        expected.eq(current),
        followed.eq((begin | followed) & ~leaves),
        done.eq(done | leaves),
        ahead.eq(Mux(pop, position - 1, position)),
    ]
    return leaves, current


def _is_chosen(m: Module, push: Value) -> Value:
    """Whether what goes in now is the nth transfer, any of the first 256."""
    nth, count = AnyConst(8), Signal(8)
    with m.If(push):
        m.d.sync += count.eq(count + 1)
    return push & (count == nth)


class HoldHarness(Harness):
    """A beat-synchronous block is a function of its beats: without a step nothing in it changes.

    Then an equation over beats may be proved with a step in every cycle. What is written to the
    rings of a ``TappedDelay`` meanwhile is left to that block's own proof, which is for any pace.
    """

    def properties(self, m: Module, probe: Probe) -> None:
        """Stability, one out for each in, and state that moves with the beats alone."""
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        same_steps(m, self.i, self.o)
        claim(m, self.o.valid == self.i.valid, "valid is that of the input")
        step = moves(self.i)
        moved = past(m, step, init=1)
        for n, (name, value, enable) in enumerate(list(probe.state())):
            if re.search(r"ring_\d+ write", name):
                continue
            what = f"{re.sub(r'[^A-Za-z0-9]+', ' ', name)} {n} moves with the beats alone"
            if isinstance(enable, Const):
                claim(m, moved | (value == past(m, value)), what)
            else:
                claim(m, step | ~enable, what)


class BeatHarness(Harness):
    """The contract of a beat-synchronous block, and an equation over its beats.

    Parameters
    ----------
    dut : wiring.Component
        With ``i`` and ``o``.
    latency : int
        Beats.
    model : callable
        ``model(m, step, i.payload)`` gives what belongs to this beat, in the shape of ``o``'s
        payload or a tuple of pairs (its, ours), by its own logic.
    warm_up : int
        Beats of history that the model needs before its results count.
    assumptions : callable, optional
        ``assumptions(m, harness)``.
    every_cycle : bool
        Assume a step in every cycle; the block must also pass :class:`HoldHarness`.
    """

    def __init__(
        self,
        dut: Any,
        *,
        latency: int,
        model: Callable[[Module, Value, Any, Any], Sequence[tuple[ValueLike, ValueLike]]],
        warm_up: int = 0,
        assumptions: Callable[[Module, Any], None] | None = None,
        every_cycle: bool = False,
    ) -> None:
        self.every_cycle = every_cycle
        self.latency = latency
        self.model = model
        self.warm_up = warm_up
        self.assumptions = assumptions
        self.beats = Signal()  # so far, up to as many as the first result that counts needs
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        """Stability, one out for each in, and ``o`` equal to the model ``latency`` beats ago."""
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        same_steps(m, self.i, self.o)
        claim(m, self.o.valid == self.i.valid, "valid is that of the input")
        if self.assumptions is not None:
            self.assumptions(m, self)
        if self.every_cycle:
            suppose(m, self.i.valid & self.o.ready)
        step = Signal()
        m.d.comb += step.eq(1 if self.every_cycle else moves(self.i))
        needed = self.warm_up + self.latency
        beats = self.beats = Signal(range(needed + 1))
        with m.If(step & (beats != needed)):
            m.d.sync += beats.eq(beats + 1)
        for n, (actual, expected) in enumerate(self.model(m, step, self.i.payload, self.o.payload)):
            wanted = history(m, step, expected, self.latency)[-1]
            counts = self.o.valid & (beats == needed)
            claim(m, ~counts | (actual == wanted), f"result {n} is as specified")
