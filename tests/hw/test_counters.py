"""Counters: every event counted once, two cycles later, and wrapped at their width."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from hw.blocks.counters import Counters, events_layout
from hw.strategies.contract import strategy_events_layout
from sw.registers import COUNTERS
from tests.hw.benches import Recorder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import Pause, pause_seed, run_streams


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


MOST = {"lookups": 70, "misses": 3, "multiplications": 900}
"""What the strategy does in a cycle, at most."""


def random_events(rng):
    strategy = {name: rng.randint(0, most) for name, most in MOST.items()}
    strategy |= {"hits": rng.randint(0, MOST["lookups"]), "stall": rng.randrange(2)}
    flags = {name: rng.randrange(2) for name in ("busy", "output", "last", "bad")}
    return {**flags, "strategy": strategy}


def increments(config, events):
    strategy = events["strategy"]
    return {
        "frames": events["last"],
        "cycles": events["busy"],
        "multiplications_needed": events["output"] * config.layer.weight.size,
        "multiplications_executed": strategy["multiplications"],
        "lookups": strategy["lookups"],
        "hits": strategy["hits"],
        "misses": strategy["misses"],
        "stall_cycles": strategy["stall"],
        "frame_errors": events["bad"],
    }


@pytest.mark.parametrize("pause", [Pause.ALWAYS, Pause.HALF])
@pytest.mark.parametrize("bits", [16, 48, 64])
def test_counts_what_happened(pause, bits):
    rng = random.Random(f"{pause_seed()} {bits}")
    layer = make_layer(kernels=20, channels=8, kernel_shape=(5, 5), frame=(5, 5))
    config = make_config(layer, counter_bits=bits)
    dut = Fed(config, strategy_events_layout(**MOST))
    inputs = [{"events": random_events(rng), "clear": int(rng.random() < 0.02)} for _ in range(150)]
    inputs += [{"events": dict.fromkeys(inputs[0]["events"], 0) | {"strategy": {}}, "clear": 0}] * 3
    seen = Recorder(valid=dut.i.valid, fed=dut.i.payload, counters=dut.counters.o)
    run_streams(dut, {"i": inputs}, (), pause=(pause, pause), testbenches=[seen.watch])
    totals = dict.fromkeys(COUNTERS, 0)
    pending = dict.fromkeys(COUNTERS, 0)
    for cycle in seen.cycles:
        assert cycle["counters"] == totals
        clear = cycle["valid"] and cycle["fed"]["clear"]
        for name in COUNTERS:
            total = 0 if clear else totals[name] + pending[name]
            totals[name] = total % (1 << bits)
        pending = dict.fromkeys(COUNTERS, 0)
        if cycle["valid"]:
            pending = increments(config, cycle["fed"]["events"])
