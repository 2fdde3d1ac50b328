"""Counters: every event counted once, each count passing by in turn, as of three cycles ago."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from hw.blocks.counters import PART_BITS, Counters, counted, events_layout
from hw.flow import synthesise
from hw.flow.ecp5 import family
from hw.strategies.contract import strategy_events_layout
from hw.targets.rtlil import convert
from sw.registers import COUNTERS
from tests.hw.benches import Recorder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import Pause, pause_seed, run_streams

ALL = strategy_events_layout(lookups=8, misses=3, multiplications=200, errors=2)
NONE = strategy_events_layout()
DELAY = 3
"""Cycles from an event to a count with it."""
RESTART = 5
"""Cycles from a clear to the first part."""


class Fed(wiring.Component):
    """Counters whose events of a cycle are a payload; between two nothing happens."""

    i: stream.Interface

    def __init__(self, config, strategy):
        self.counters = Counters(config, strategy)
        fed = data.StructLayout({"events": events_layout(strategy), "clear": 1})
        super().__init__({"i": In(stream.Signature(fed, always_ready=True))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.counters = self.counters
        with m.If(self.i.valid):
            m.d.comb += self.counters.events.eq(self.i.payload.events)
            m.d.comb += self.counters.clear.eq(self.i.payload.clear)
        return m


def random_events(rng, strategy, *, busiest, ends):
    """At every event's most, or anything up to it; no frame ends but where it may."""

    def happened(most):
        return most if busiest else rng.randint(0, most)

    limits = {"lookups": 8, "hits": 8, "misses": 3, "multiplications": 200, "errors": 2, "stall": 1}
    used = {name: most for name, most in limits.items() if strategy is ALL}
    return {
        "busy": happened(1),
        "last": happened(int(ends)),
        "bad": happened(int(ends)),
        "strategy": {name: happened(most) for name, most in used.items()},
    }


def increments(config, events):
    strategy = events["strategy"]
    return {
        "frames": events["last"],
        "cycles": events["busy"],
        "multiplications_needed": events["last"] * config.layer.multiplications_needed,
        "multiplications_executed": strategy.get("multiplications", 0),
        "lookups": strategy.get("lookups", 0),
        "hits": strategy.get("hits", 0),
        "misses": strategy.get("misses", 0),
        "stall_cycles": strategy.get("stall", 0),
        "frame_errors": events["bad"],
        "table_errors": strategy.get("errors", 0),
    }


def passed(cycles, parts):
    """Of the counts that passed by whole: (cycle of part 0, counter, count)."""
    counts, under_way = [], []
    for n, cycle in enumerate(cycles):
        seen = cycle["count"]
        if not cycle["shown"]:
            under_way = []
            continue
        if seen["part"] == 0:
            under_way = []
        under_way.append(seen["bits"])
        assert seen["part"] == len(under_way) - 1
        if len(under_way) == parts:
            value = sum(bits << (PART_BITS * p) for p, bits in enumerate(under_way))
            counts.append((n - parts + 1, COUNTERS[seen["counter"]], value))
    return counts


def totals_of(config, cycles):
    """Every counter after each cycle."""
    totals, history = dict.fromkeys(COUNTERS, 0), []
    for cycle in cycles:
        fed = cycle["fed"]
        if cycle["valid"] and fed["clear"]:
            totals = dict.fromkeys(COUNTERS, 0)
        if cycle["valid"]:
            increment = increments(config, fed["events"])
            totals = {name: totals[name] + increment[name] for name in COUNTERS}
        history.append(totals)
    return history


def watch(config, strategy, inputs, pause=Pause.ALWAYS):
    dut = Fed(config, strategy)
    o = dut.counters.o
    seen = Recorder(valid=dut.i.valid, fed=dut.i.payload, shown=o.valid, count=o.payload)
    run_streams(dut, {"i": inputs}, (), pause=(pause, pause), testbenches=[seen.watch])
    return dut.counters, seen.cycles


QUIET = {"events": {"busy": 0, "last": 0, "bad": 0, "strategy": {}}, "clear": 0}


@pytest.mark.parametrize("pause", [Pause.ALWAYS, Pause.HALF])
@pytest.mark.parametrize("strategy", [ALL, NONE], ids=["all", "none"])
@pytest.mark.parametrize(("bits", "frame"), [(16, 3), (33, 3), (48, 3), (48, 8), (64, 5)])
def test_every_count_passes_by_in_turn(pause, strategy, bits, frame):
    rng = random.Random(f"{pause_seed()} {bits}")
    layer = make_layer(kernels=40, channels=8, kernel_shape=(3, 3), frame=(frame, frame))
    config = make_config(layer, counter_bits=bits)
    outputs = (frame - 2) ** 2
    inputs = [
        {
            "events": random_events(rng, strategy, busiest=n < 150, ends=n % outputs == 0),
            "clear": int(n > 100 and rng.random() < 0.01),
        }
        for n in range(600)
    ]
    inputs += [QUIET] * 100
    counters, cycles = watch(config, strategy, inputs, pause)
    history = totals_of(config, cycles)
    parts = -(-bits // PART_BITS)
    clears = [n for n, cycle in enumerate(cycles) if cycle["valid"] and cycle["fed"]["clear"]]
    counts = passed(cycles, parts)
    for start, name, value in counts:
        so_far = history[start - DELAY][name] if start >= DELAY else 0
        assert value == so_far % (1 << PART_BITS * parts), (start, name)
    for (start, name, _), (following, next_name, _) in pairwise(counts):
        if any(start < clear + RESTART and clear < following for clear in clears):
            continue
        assert following == start + parts
        order = counters.names
        assert next_name == order[(order.index(name) + 1) % len(order)]
    for clear in clears:
        begun = next(start for start, _, _ in counts if start >= clear + RESTART)
        following = min((n for n in clears if n > clear), default=len(cycles))
        assert begun == clear + RESTART or begun > following
    shown = {name for _, name, _ in counts}
    assert shown == set(counters.names)


def test_what_never_happens_takes_nothing():
    assert counted(NONE) == ("frames", "cycles", "multiplications_needed", "frame_errors")
    assert counted(ALL) == COUNTERS
    only = strategy_events_layout(multiplications=3)
    assert set(counted(only)) - set(counted(NONE)) == {"multiplications_executed"}


def test_the_counts_are_in_block_memory():
    config = make_config(make_layer(frame=(32, 32), kernel_shape=(3, 3)))
    dut = Counters(config, NONE)
    ports = {name: getattr(dut, name) for name in ("clear",)}
    ports |= {"events": dut.events.as_value(), "o": dut.o.payload.as_value()}
    text = convert(dut, name="counters", ports=list(ports.values()))
    area = synthesise({"counters.il": text}, top="counters", family=family()).area
    assert area["bram"] == 1
    assert area["lut4_eq"] <= 80
