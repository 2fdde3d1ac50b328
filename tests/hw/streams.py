"""Drive and watch streams in Amaranth's simulator: the one place that touches valid and ready.

:func:`run_streams` for any block, :func:`run_beats` for beat-synchronous ones. Both end only when
nothing is left at the inputs and nothing more comes out of the outputs. A failure prints the seed
that repeats it (``KATAZOME_SEED``).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import data
from amaranth.sim import Simulator

__all__ = [
    "PAUSES",
    "Pause",
    "Reader",
    "Setup",
    "Testbench",
    "matches",
    "pause_seed",
    "plain",
    "run_beats",
    "run_streams",
]

Setup = Callable[[Any, Any], None]
"""Sets inputs that are not streams, once, in the first cycle; gets the context and the block."""
Testbench = Callable[[Any], Any]
"""An async function of the simulator's context."""


class Pause(Enum):
    """When a side of a stream is willing: a driver to offer, a collector to take."""

    ALWAYS = "always"
    HALF = "half"
    BURSTY = "bursty"
    STALL = "long stall"

    def willing(self, rng: random.Random) -> Iterator[bool]:
        """One answer a cycle, for ever."""
        if self is Pause.ALWAYS:
            while True:
                yield True
        if self is Pause.HALF:
            while True:
                yield rng.random() < 0.5
        longest = 8 if self is Pause.BURSTY else 60
        while True:
            yield from [True] * rng.randint(1, 8)
            yield from [False] * rng.randint(1 if self is Pause.BURSTY else 30, longest)


PAUSES = [
    *((left, right) for left in Pause for right in (Pause.ALWAYS, Pause.HALF)),
    *((left, right) for left in (Pause.ALWAYS, Pause.BURSTY) for right in Pause if right != left),
    (Pause.STALL, Pause.STALL),
]
"""(input, output) pairs that meet every pattern on both sides; for ``pytest.mark.parametrize``."""


def pause_seed() -> int:
    """The run's seed: ``KATAZOME_SEED``, or 0."""
    return int(os.environ.get("KATAZOME_SEED", "0"))


def plain(value: Any) -> Any:
    """A simulator's value as ints, lists and dicts, to compare and to print."""
    if not isinstance(value, data.Const):
        return value
    layout = data.Layout.cast(value.shape())
    if isinstance(layout, data.ArrayLayout):
        return [plain(value[n]) for n in range(layout.length)]
    return {name: plain(value[name]) for name, _ in layout}


class Reader:
    """A signal's values, :func:`plain`, made only when they are asked for and have changed.

    Attributes
    ----------
    bits : Value
        What to sample; :meth:`read` is given what was.
    """

    def __init__(self, signal: Any) -> None:
        self.bits: Any = signal
        self._layout = None
        if isinstance(signal, data.View):
            self.bits, self._layout = signal.as_value(), signal.shape()
        self._last: tuple[int | None, Any] = (None, None)

    def read(self, sampled: Any) -> Any:
        """Ints, lists and dicts."""
        if self._layout is None:
            return sampled
        if self._last[0] != sampled:
            self._last = sampled, plain(self._layout.from_bits(sampled))
        return self._last[1]


def matches(actual: Any, expected: Any) -> bool:
    """Equality, where ``None`` in ``expected`` stands for anything."""
    if expected is None:
        return True
    if isinstance(expected, Mapping):
        return actual.keys() == expected.keys() and all(
            matches(actual[name], expected[name]) for name in expected
        )
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(map(matches, actual, expected))
    return actual == expected


@dataclass
class _Progress:
    """What the testbenches of one run tell each other."""

    left: dict[str, int]
    taken: dict[str, list[Any]]
    quiet: dict[str, int]
    cycles_idle: int = 0

    @classmethod
    def before(cls, inputs: Mapping[str, Sequence[Any]], outputs: Sequence[str]) -> _Progress:
        """All is left, nothing is taken."""
        return cls(
            left={name: len(items) for name, items in inputs.items()},
            taken={name: [] for name in outputs},
            quiet=dict.fromkeys(outputs, 0),
        )

    def finished(self, settle: int) -> bool:
        return not any(self.left.values()) and all(n >= settle for n in self.quiet.values())


def _driver(
    port: Any, name: str, items: Sequence[Any], *, pause: Pause, seed: str, seen: _Progress
) -> Testbench:
    async def drive(ctx: Any) -> None:
        rng = random.Random(seed)
        bits = Value.cast(port.payload)
        willing = pause.willing(rng)
        for item in items:
            while not next(willing):
                ctx.set(bits, rng.getrandbits(max(len(bits), 1)) & ((1 << len(bits)) - 1))
                await ctx.tick()
            ctx.set(port.payload, item)
            ctx.set(port.valid, 1)
            ready = False
            while not ready:  # not until(): it complains where a failed run abandons it
                _, _, ready = await ctx.tick().sample(port.ready)
            ctx.set(port.valid, 0)
            seen.left[name] -= 1
            seen.cycles_idle = 0
            for other in seen.quiet:
                seen.quiet[other] = 0

    return drive


def _collector(port: Any, name: str, *, pause: Pause, seed: str, seen: _Progress) -> Testbench:
    async def collect(ctx: Any) -> None:
        payload = Reader(port.payload)
        waiting = None
        for ready in pause.willing(random.Random(seed)):
            ctx.set(port.ready, ready)
            _, _, valid, bits = await ctx.tick().sample(port.valid, payload.bits)
            if waiting is not None:
                was = payload.read(waiting)
                assert valid, f"{name}: valid fell before ready; {was} was withdrawn"
                assert bits == waiting, f"{name}: {was} became {payload.read(bits)} unread"
            waiting = bits if valid and not ready else None
            if valid and ready:
                seen.taken[name].append(payload.read(bits))
                seen.cycles_idle = 0
            seen.quiet[name] = 0 if valid else seen.quiet[name] + ready

    return collect


def _supervisor(seen: _Progress, settle: int, patience: int) -> Testbench:
    async def supervise(ctx: Any) -> None:
        after = 0
        while not seen.finished(settle):
            await ctx.tick()
            seen.cycles_idle += 1
            after = 0 if any(seen.left.values()) else after + 1
            assert after < patience, f"outputs go on for {patience} cycles after the last input"
            assert seen.cycles_idle < patience, (
                f"no transfer for {patience} cycles: left at the inputs {seen.left}, "
                f"taken { {name: len(got) for name, got in seen.taken.items()} }"
            )

    return supervise


def _preparation(dut: Any, setup: Setup | None) -> Iterator[Testbench]:
    """The testbench that sets what is no stream, if there is any."""
    if setup is None:
        return

    async def prepare(ctx: Any) -> None:
        setup(ctx, dut)

    yield prepare


def _ends(
    dut: Any,
    inputs: Mapping[str, Sequence[Any]],
    outputs: Sequence[str],
    *,
    pause: tuple[Pause, Pause],
    seed: int,
    seen: _Progress,
) -> Iterator[Testbench]:
    """A driver of each input, a collector of each output; each has its own pauses."""
    offered, taken = pause
    for name, items in inputs.items():
        port, repeat = getattr(dut, name), f"{seed} {name}"
        yield _driver(port, name, items, pause=offered, seed=repeat, seen=seen)
    for name in outputs:
        port, repeat = getattr(dut, name), f"{seed} {name}"
        yield _collector(port, name, pause=taken, seed=repeat, seen=seen)


def _simulate(dut: Any, until: Testbench, beside: Sequence[Testbench]) -> None:
    """Run a block until one testbench ends, the others beside it."""
    top = Module()
    top.domains.sync = ClockDomain()  # a combinational block has none of its own
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(1e-8)
    for bench in beside:
        simulator.add_testbench(bench, background=True)
    simulator.add_testbench(until)
    simulator.run()


def run_streams(
    dut: Any,
    inputs: Mapping[str, Sequence[Any]],
    outputs: Sequence[str] = ("o",),
    *,
    pause: tuple[Pause, Pause] = (Pause.ALWAYS, Pause.ALWAYS),
    setup: Setup | None = None,
    seed: int | None = None,
    settle: int = 40,
    patience: int = 3000,
    testbenches: Sequence[Testbench] = (),
) -> dict[str, list[Any]]:
    """Feed every stream of ``inputs``, take all that comes out of ``outputs``.

    Checks of each output that valid and payload stay until ready. Payloads are scrambled while
    an input is not valid. Ends when all inputs are taken and each output has been ready and not
    valid for ``settle`` cycles after the last transfer.

    Parameters
    ----------
    dut : Elaboratable with stream members
    inputs : dict of str to list of payloads
        By member name.
    outputs : sequence of str
        Member names.
    pause : (Pause, Pause)
        Of every input, and of every output.
    setup : callable, optional
        Sets other inputs, once, in the first cycle.
    seed : int, optional
        Of the pauses; :func:`pause_seed` without.
    settle, patience : int
        Quiet cycles that end a run; cycles without any transfer, or of outputs after the last
        input, that fail one.
    testbenches : sequence of async callables
        More processes, which run in the background.

    Returns
    -------
    dict of str to list
        The payloads taken of each output, as ints, lists and dicts (:func:`plain`).

    Raises
    ------
    AssertionError
        If a contract is broken or the streams stand still; the message names the seed.
    """
    seed = pause_seed() if seed is None else seed
    seen = _Progress.before(inputs, outputs)
    ends = _ends(dut, inputs, outputs, pause=pause, seed=seed, seen=seen)
    beside = [*_preparation(dut, setup), *testbenches, *ends]
    try:
        _simulate(dut, _supervisor(seen, settle, patience), beside)
    except AssertionError as error:
        error.add_note(f"pauses {[p.value for p in pause]}, KATAZOME_SEED={seed}")
        raise
    return seen.taken


def run_beats(
    dut: Any,
    inputs: Sequence[Any],
    latency: int,
    *,
    pause: tuple[Pause, Pause] = (Pause.ALWAYS, Pause.ALWAYS),
    setup: Setup | None = None,
    seed: int | None = None,
    flush: Any = None,
) -> list[Any]:
    """The results of ``inputs``, one each, from a beat-synchronous block with ``i`` and ``o``.

    Feeds ``latency`` beats more (``flush``, or the last input again) and drops as many arbitrary
    results from the front. Fails unless exactly one beat comes out for each that goes in.
    """
    beats = [*inputs, *[inputs[-1] if flush is None else flush] * latency]
    results = run_streams(dut, {"i": beats}, pause=pause, setup=setup, seed=seed)["o"]
    assert len(results) == len(beats), f"{len(beats)} beats went in, {len(results)} came out"
    return results[latency:]
