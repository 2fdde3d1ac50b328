"""A control port in simulation, what it did, and the configurations that it is tried with."""

import random

from amaranth.sim import Simulator

from hw.blocks.axi import Response
from hw.blocks.control_port import ControlPort
from hw.blocks.counters import PART_BITS, part_count
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.registers import COUNTERS
from tests.hw.axi_lite import AxiLiteDriver, watch_responses
from tests.hw.streams import pause_seed

__all__ = [
    "CONTROL",
    "OKAY",
    "SLVERR",
    "STATUS",
    "VARIANTS",
    "Bench",
    "configured",
    "expected_write",
]

OKAY, SLVERR = Response.OKAY, Response.SLVERR
CONTROL, STATUS = 0x008, 0x00C
_ASSIGNMENTS = {
    "plain": (),
    "every-window": (
        "bias_bits=20",
        'output.kind="requantise"',
        "output.scale_bits=12",
        'template_scale="register"',
    ),
    "all-learned": ("bias_bits=32", 'templates="none"', "counter_bits=64"),
    "narrow-counters": ("counter_bits=16",),
    "33-bit-counters": ("counter_bits=33",),
}
VARIANTS = [*_ASSIGNMENTS, "three-channels"]
"""Names of configurations, for :func:`configured`."""


def configured(variant: str) -> EngineConfig:
    """A configuration; each variant has other registers, or windows of another shape."""
    if variant == "three-channels":  # one of four rows of the window does not exist
        return load_config("cifar10-layer1")
    return load_config("tiny", assignments=_ASSIGNMENTS[variant])


class Bench:
    """A control port, its drivers, and what it did: accepted window writes and pulses.

    ``counts`` pass by over and over, those of ``counted``; now and then they begin anew.
    """

    def __init__(self, config, longest_pause=3, counted=COUNTERS):
        self.config = config
        self.dut = ControlPort(config, counted)
        self.counted = counted
        self.counts: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.rng = random.Random(f"control {pause_seed()}")
        self.driver = AxiLiteDriver(self.dut.bus, self.rng, longest_pause)
        self.longest_pause = longest_pause
        self.held = False  # whether window writes are not taken
        self.writes = []
        self.pulses = {"clear_counters": 0, "flush_table": 0}
        self.simulator = Simulator(self.dut)
        self.simulator.add_clock(1e-8)
        self.simulator.add_process(watch_responses(self.dut.bus))
        self.simulator.add_testbench(self._take, background=True)
        self.simulator.add_process(self._watch)
        self.simulator.add_testbench(self._pass_by, background=True)

    async def _take(self, ctx):
        """Take window writes, at random as the bus does."""
        while True:
            taken = self.longest_pause == 0 or self.rng.random() < 0.5
            ctx.set(self.dut.o_write.ready, taken and not self.held)
            await ctx.tick()

    async def _pass_by(self, ctx):
        parts = [(n, p) for n in self.counted for p in range(part_count(self.config))]
        cut, whole = None, 0  # where to begin anew; never in two rounds one after the other
        while True:
            cut = self.rng.choice([None, *parts]) if cut is None else None
            for name, part in parts:
                if part == 0:
                    whole = self.counts[name]
                bits = whole >> (PART_BITS * part) & ((1 << PART_BITS) - 1)
                payload = {"counter": COUNTERS.index(name), "part": part, "bits": bits}
                ctx.set(self.dut.i_count.payload, payload)
                ctx.set(self.dut.i_count.valid, (name, part) != cut)
                await ctx.tick()
                if (name, part) == cut:
                    break

    async def _watch(self, ctx):
        dut, o = self.dut, self.dut.o_write
        names = [name for name, _ in o.payload.shape()["window"].shape]
        signals = [o.valid, o.ready, o.payload, *(getattr(dut, name) for name in self.pulses)]
        waiting = None
        async for _, _, valid, ready, payload, *pulses in ctx.tick().sample(*signals):
            for name, pulse in zip(self.pulses, pulses, strict=True):
                self.pulses[name] += pulse
            shown = None
            if valid:
                chosen = [name for name in names if payload.window[name]]
                assert len(chosen) == 1
                shown = (chosen[0], payload.index, payload.data)
            assert waiting in (None, shown), "a write changed while it waited"
            waiting = None if ready else shown
            if valid and ready:
                self.writes.append(shown)

    def run(self, *testbenches):
        """Run them to their ends, and until the last write is taken."""

        def settled(testbench):
            async def run(ctx):
                await testbench(ctx)
                while ctx.get(self.dut.o_write.valid):
                    await ctx.tick()

            return run

        for testbench in testbenches:
            self.simulator.add_testbench(settled(testbench))
        self.simulator.run()


def expected_write(table, address):
    """The (window, index) that an address is, or None: the contract in plain loops."""
    for window in table.windows:
        for row in range(window.rows):
            for column in range(window.columns):
                index = row * window.stride + column
                if address == window.offset + 4 * index:
                    return window.name.lower(), index
    return None
