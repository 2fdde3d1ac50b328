"""Counters: every event counted once, two cycles later, and wrapped at their width."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from hw.blocks.counters import Counters, events_layout
from sw.registers import COUNTERS
from tests.hw.benches import Recorder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import Pause, pause_seed, run_streams


class Fed(wiring.Component):
    """Counters whose events of a cycle are a payload; between two nothing happens."""

    i: stream.Interface

    def __init__(self, config):
        self.counters = Counters(config)
        fed = data.StructLayout({"events": events_layout(config), "clear": 1})
        super().__init__({"i": In(stream.Signature(fed, always_ready=True))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.counters = self.counters
        with m.If(self.i.valid):
            m.d.comb += self.counters.events.eq(self.i.payload.events)
            m.d.comb += self.counters.clear.eq(self.i.payload.clear)
        return m


def random_events(rng, channels):
    lookup = rng.randrange(2)
    table = {"lookup": lookup, "hits": lookup * rng.randint(0, channels)}
    table |= {name: rng.randrange(2) for name in ("miss", "stall")}
    flags = {name: rng.randrange(2) for name in ("busy", "output", "last", "bad")}
    return {**flags, "table": table}


def increments(config, events):
    layer, table = config.layer, events["table"]
    return {
        "frames": events["last"],
        "cycles": events["busy"],
        "multiplications_needed": events["output"] * layer.weight.size,
        "multiplications_executed": table["miss"] * config.learned_weight[:, 0].size,
        "lookups": table["lookup"] * layer.channels,
        "hits": table["hits"],
        "misses": table["miss"],
        "stall_cycles": table["stall"],
        "frame_errors": events["bad"],
    }


@pytest.mark.parametrize("pause", [Pause.ALWAYS, Pause.HALF])
@pytest.mark.parametrize("bits", [16, 48, 64])
def test_counts_what_happened(pause, bits):
    rng = random.Random(f"{pause_seed()} {bits}")
    layer = make_layer(kernels=40, channels=8, kernel_shape=(5, 5), frame=(5, 5))
    layer.weight[::2] = 1
    config = make_config(layer, counter_bits=bits, templates=tuple(range(0, 40, 2)))
    dut = Fed(config)
    inputs = [
        {"events": random_events(rng, layer.channels), "clear": int(rng.random() < 0.02)}
        for _ in range(150)
    ]
    inputs += [{"events": dict.fromkeys(inputs[0]["events"], 0) | {"table": {}}, "clear": 0}] * 3
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
