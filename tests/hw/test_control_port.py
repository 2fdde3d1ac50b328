"""hw.blocks.control_port: every register, every refusal, and the bus's rules, with pauses."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.blocks.axi import AxiLiteSignature, Response
from hw.blocks.control_port import ControlPort
from hw.blocks.counters import PART_BITS, part_count
from sw.configfile import load_config
from sw.register_model import Access
from sw.registers import COUNTERS, register_map, setup_writes
from tests.hw.axi_lite import AxiLiteDriver, watch_responses
from tests.hw.streams import pause_seed

OKAY, SLVERR = Response.OKAY, Response.SLVERR
CONTROL, STATUS = 0x008, 0x00C
VARIANTS = {
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


@pytest.fixture(params=[*VARIANTS, "three-channels"])
def config(request):
    if request.param == "three-channels":  # one of four rows of the window does not exist
        return load_config("cifar10-layer1")
    return load_config("tiny", assignments=VARIANTS[request.param])


@pytest.fixture
def full():
    return load_config("tiny", assignments=VARIANTS["every-window"])


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


def test_every_register_reads_what_it_should(config):
    bench = Bench(config)
    dut, rng = bench.dut, bench.rng
    counters = {name: rng.getrandbits(config.counter_bits) for name in COUNTERS}

    async def main(ctx):
        bench.counts = counters
        ctx.set(dut.in_frame, 1)
        for register in register_map(config).registers:
            data, response = await bench.driver.read(ctx, register.offset)
            name, _, half = register.name.lower().rpartition("_")
            assert response == OKAY, register.name
            if register.value is not None:
                assert data == register.value, register.name
            elif name in counters:
                shift = 32 * (half == "hi")
                assert data == (counters[name] >> shift) & 0xFFFFFFFF, register.name
            else:
                assert data == {"CONTROL": 0, "STATUS": 2}[register.name]
        for refused in (1, 0):
            ctx.set(dut.refused, refused)
            assert await bench.driver.read(ctx, STATUS) == (2 | refused << 2, OKAY)

    bench.run(main)


def test_reading_lo_keeps_hi(full):
    bench = Bench(full)
    driver, table = bench.driver, register_map(full)

    async def main(ctx):
        for n, name in enumerate(COUNTERS):
            bench.counts = {name: (n << 32) | 5 for n, name in enumerate(COUNTERS)}
            assert await driver.read(ctx, table.offset(f"{name.upper()}_LO")) == (5, OKAY)
            bench.counts = dict.fromkeys(COUNTERS, 99 << 32)
            await ctx.tick().repeat(60)
            for other in (name, "misses", name):
                assert await driver.read(ctx, table.offset(f"{other.upper()}_HI")) == (n, OKAY)
        assert await driver.read(ctx, table.offset("MISSES_LO") + 0x100) == (0, SLVERR)
        assert await driver.read(ctx, table.offset("MISSES_HI")) == (len(COUNTERS) - 1, OKAY)

    bench.run(main)


def test_halves_are_of_one_moment(full):
    """Whenever a count is asked for, and however it changes, no half of another one comes."""
    bench = Bench(full)
    driver, table = bench.driver, register_map(full)
    marks = [0]

    async def change(ctx):
        while True:
            await ctx.tick()
            marks[0] += 1
            value = (marks[0] << 32) | (marks[0] << 16) | marks[0]
            bench.counts = dict.fromkeys(COUNTERS, value)

    async def main(ctx):
        for _ in range(60):
            name = bench.rng.choice(COUNTERS).upper()
            before = marks[0]
            low, response = await driver.read(ctx, table.offset(f"{name}_LO"))
            high, _ = await driver.read(ctx, table.offset(f"{name}_HI"))
            assert response == OKAY
            assert low >> 16 == low & 0xFFFF == high
            assert before <= high <= marks[0]

    bench.simulator.add_testbench(change, background=True)
    bench.run(main)


def test_a_counter_that_never_passes_reads_zero(full):
    bench = Bench(full, counted=("frames", "misses"))
    bench.counts = dict.fromkeys(COUNTERS, (7 << 32) | 3)
    table = register_map(full)

    async def main(ctx):
        for name in COUNTERS:
            low = await bench.driver.read(ctx, table.offset(f"{name.upper()}_LO"))
            assert low == (3 if name in bench.counted else 0, OKAY)
            high = await bench.driver.read(ctx, table.offset(f"{name.upper()}_HI"))
            assert high == (7 if name in bench.counted else 0, OKAY)

    bench.run(main)


def test_control_runs_and_pulses(full):
    bench = Bench(full)
    dut, driver = bench.dut, bench.driver

    async def main(ctx):
        for word, run, clears, flushes in [
            (0b001, 1, 0, 0),
            (0b011, 1, 1, 0),
            (0b101, 1, 1, 1),
            (0b110, 0, 2, 2),
            (0xFFFFFFF8, 0, 2, 2),
            (0xFFFFFFFF, 1, 3, 3),
            (0b000, 0, 3, 3),
        ]:
            assert await driver.write(ctx, CONTROL, word) == OKAY
            assert ctx.get(dut.run) == run
            assert await driver.read(ctx, CONTROL) == (run, OKAY)
            assert bench.pulses == {"clear_counters": clears, "flush_table": flushes}

    bench.run(main)


def test_the_setup_arrives_in_order(config):
    bench = Bench(config)
    table = register_map(config)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for address, data in setup_writes(config):
            assert await bench.driver.write(ctx, address, data) == OKAY

    bench.run(main)
    expected = [(*expected_write(table, address), data) for address, data in setup_writes(config)]
    assert bench.writes == expected


@pytest.mark.parametrize("longest_pause", [0, 3])
def test_every_edge_of_every_region(config, longest_pause):
    bench = Bench(config, longest_pause)
    table = register_map(config)
    registers = {register.offset: register for register in table.registers}
    edges = {0x10000}
    for entry in (*table.registers, *table.windows):
        edges |= {entry.offset, entry.offset + entry.region_bytes}
    for window in table.windows:
        for row in range(window.region_words // window.stride):
            start = window.offset + 4 * row * window.stride
            edges |= {start, start + 4 * window.columns, start + 4 * window.stride}
    addresses = {e + d for e in edges for d in (-4, -1, 0, 1, 2, 4)}
    addresses |= {address ^ (1 << bit) for address in (0, CONTROL, 0x400) for bit in range(16)}
    addresses |= {address + 0x100 for address in registers}
    addresses = sorted(a for a in addresses if 0 <= a < 0x10000 and a != CONTROL)
    bench.rng.shuffle(addresses)
    expected = []

    async def write(ctx):
        ctx.set(bench.dut.idle, 1)
        for n, address in enumerate(addresses):
            found = expected_write(table, address)
            response = await bench.driver.write(ctx, address, n)
            assert response == (OKAY if found else SLVERR), hex(address)
            if found:
                expected.append((*found, n))

    async def read(ctx):
        for address in addresses:
            data, response = await bench.driver.read(ctx, address)
            assert response == (OKAY if address in registers else SLVERR), hex(address)
            if address not in registers:
                assert data == 0

    bench.run(write, read)
    assert bench.writes == expected
    assert bench.pulses == {"clear_counters": 0, "flush_table": 0}


def test_read_only_registers_refuse_writes(config):
    bench = Bench(config)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for register in register_map(config).registers:
            if register.access is Access.READ:
                assert await bench.driver.write(ctx, register.offset, 0xFFFFFFFF) == SLVERR
                _, response = await bench.driver.read(ctx, register.offset)
                assert response == OKAY
        assert await bench.driver.read(ctx, CONTROL) == (0, OKAY)
        assert await bench.driver.read(ctx, STATUS) == (1, OKAY)

    bench.run(main)
    assert bench.writes == []


@pytest.mark.parametrize("strobes", range(15))
def test_a_write_without_all_strobes_has_no_effect(full, strobes):
    bench = Bench(full)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for address in (CONTROL, 0x400, 0x800, 0x8000):
            assert await bench.driver.write(ctx, address, 0xFFFFFFFF, strobes) == SLVERR
        assert ctx.get(bench.dut.run) == 0

    bench.run(main)
    assert bench.writes == []
    assert bench.pulses == {"clear_counters": 0, "flush_table": 0}


@pytest.mark.parametrize(("idle", "run"), [(0, 0), (0, 1), (1, 1)])
def test_windows_are_closed_unless_stopped(full, idle, run):
    bench = Bench(full)
    dut, driver = bench.dut, bench.driver

    async def main(ctx):
        ctx.set(dut.idle, idle)
        assert await driver.write(ctx, CONTROL, run) == OKAY
        assert await driver.read(ctx, STATUS) == (0, OKAY)
        for address, data in setup_writes(full):
            assert await driver.write(ctx, address, data) == SLVERR
        assert bench.writes == []
        ctx.set(dut.idle, 1)
        assert await driver.write(ctx, CONTROL, 0) == OKAY
        assert await driver.read(ctx, STATUS) == (1, OKAY)
        assert await driver.write(ctx, 0x400, 7) == OKAY

    bench.run(main)
    assert bench.writes == [("bias", 0, 7)]


def test_a_write_right_behind_run_finds_the_windows_closed(full):
    """The next write waits in the port already when run is set: idle may still be high."""
    bench = Bench(full)
    bus = bench.dut.bus

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        ctx.set(bus.bready, 1)
        ctx.set(bus.awvalid, 1)
        ctx.set(bus.wvalid, 1)
        ctx.set(bus.wstrb, 0xF)
        responses = []
        pending = [(CONTROL, 1), (0x400, 3)]
        for _ in range(12):
            address, data = pending[0] if pending else (0, 0)
            ctx.set(bus.awvalid, bool(pending))
            ctx.set(bus.wvalid, bool(pending))
            ctx.set(bus.awaddr, address)
            ctx.set(bus.wdata, data)
            _, _, taken, valid, response = await ctx.tick().sample(
                bus.awready & bus.wready, bus.bvalid, bus.bresp
            )
            if taken and pending:
                pending.pop(0)
            if valid:
                responses.append(response)
        assert responses == [OKAY, SLVERR]

    bench.run(main)
    assert bench.writes == []


def test_what_follows_waits_until_the_response_is_taken(full):
    bench = Bench(full, longest_pause=0)
    dut, bus = bench.dut, bench.dut.bus
    responses, results = [], []

    async def ask(ctx, write_address, read_address):
        assert ctx.get(bus.awready & bus.wready & bus.arready), "one more can be held"
        ctx.set(bus.awaddr, write_address)
        ctx.set(bus.araddr, read_address)
        for valid in (1, 0):
            for name in ("awvalid", "wvalid", "arvalid"):
                ctx.set(getattr(bus, name), valid)
            await ctx.tick()
        await ctx.tick().repeat(10)

    async def take(ctx):
        responses.append(ctx.get(bus.bresp))
        results.append((ctx.get(bus.rdata), ctx.get(bus.rresp)))
        for ready in (1, 0):
            ctx.set(bus.bready, ready)
            ctx.set(bus.rready, ready)
            await ctx.tick()
        await ctx.tick().repeat(10)

    async def main(ctx):
        ctx.set(dut.idle, 1)
        ctx.set(bus.wstrb, 0xF)
        await ask(ctx, 0x400, 0x000)
        for write_address, read_address, performed in [
            (0x404, 0x400, 1),
            (CONTROL + 1, STATUS, 2),
            (0x408, 0x014, 2),
        ]:
            await ask(ctx, write_address, read_address)
            assert len(bench.writes) == performed
            await take(ctx)
        await take(ctx)
        assert not ctx.get(bus.bvalid | bus.rvalid)

    bench.run(main)
    height = full.layer.input_shape[1]
    assert responses == [OKAY, OKAY, SLVERR, OKAY]
    assert results == [(0x4B544D31, OKAY), (0, SLVERR), (1, OKAY), (height, OKAY)]
    assert bench.writes == [("bias", n, 0) for n in range(3)]


def test_the_next_write_waits_until_the_window_has_taken_the_last(full):
    """A write of any kind; reads go on."""
    bench = Bench(full, longest_pause=0)
    dut, bus, driver = bench.dut, bench.dut.bus, bench.driver

    async def main(ctx):
        ctx.set(dut.idle, 1)
        bench.held = True
        await ctx.tick()
        assert await driver.write(ctx, 0x400, 5) == OKAY  # it is held, not taken
        ctx.set(bus.awaddr, CONTROL)
        ctx.set(bus.wdata, 1)
        for valid in (1, 0):
            ctx.set(bus.awvalid, valid)
            ctx.set(bus.wvalid, valid)
            await ctx.tick()
        for _ in range(20):
            assert await driver.read(ctx, STATUS) == (1, OKAY)
            assert not ctx.get(bus.bvalid | dut.run)
        assert bench.writes == []
        bench.held = False
        await ctx.tick().repeat(6)
        assert bench.writes == [("bias", 0, 5)]
        assert ctx.get(bus.bvalid & dut.run)

    bench.run(main)


@pytest.mark.parametrize("first", ["aw", "w"])
def test_address_and_data_in_either_order(full, first):
    bench = Bench(full)
    dut, bus = bench.dut, bench.dut.bus

    async def main(ctx):
        ctx.set(dut.idle, 1)
        ctx.set(bus.awaddr, 0x404)
        ctx.set(bus.wdata, 0x1234)
        ctx.set(bus.wstrb, 0xF)
        second = "w" if first == "aw" else "aw"
        for channel in (first, second):
            assert bench.writes == []
            assert not ctx.get(bus.bvalid)
            ctx.set(getattr(bus, f"{channel}valid"), 1)
            await ctx.tick()
            ctx.set(getattr(bus, f"{channel}valid"), 0)
            await ctx.tick().repeat(5)
            assert not ctx.get(getattr(bus, f"{first}ready")) or channel == second
        await ctx.tick().repeat(20)
        assert ctx.get(bus.bvalid)
        assert ctx.get(bus.bresp) == OKAY
        ctx.set(bus.bready, 1)
        await ctx.tick()
        assert not ctx.get(bus.bvalid)

    bench.run(main)
    assert bench.writes == [("bias", 1, 0x1234)]


def test_no_path_through_the_bus_within_a_cycle(full):
    """Whatever the manager does in a cycle, the port's side of the bus is the same."""
    bench = Bench(full)
    bus = bench.dut.bus
    flows = AxiLiteSignature().members
    driven = [name for name, member in flows.items() if member.flow.name == "Out"]
    answers = [name for name in flows if name not in driven]

    async def main(ctx):
        for _ in range(300):
            before = [ctx.get(getattr(bus, name)) for name in answers]
            for name in driven:
                ready = name in ("bready", "rready")
                held = name.endswith("valid") and ctx.get(getattr(bus, name))
                if ready or not held:
                    signal = getattr(bus, name)
                    ctx.set(signal, bench.rng.getrandbits(len(signal)))
            assert [ctx.get(getattr(bus, name)) for name in answers] == before
            await ctx.tick()

    bench.run(main)


def test_reset_clears_run_and_what_was_under_way(full):
    dut = ControlPort(full, COUNTERS)
    bus = dut.bus
    reset = Signal()
    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-8)
    driver = AxiLiteDriver(bus, random.Random(f"reset {pause_seed()}"))

    async def main(ctx):
        assert await driver.write(ctx, CONTROL, 1) == OKAY
        ctx.set(bus.awvalid, 1)
        ctx.set(bus.arvalid, 1)
        await ctx.tick().repeat(4)
        assert ctx.get(bus.rvalid)
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.arvalid, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(dut.run)
        assert not ctx.get(bus.rvalid)
        assert not ctx.get(bus.bvalid)
        assert ctx.get(bus.awready)
        assert await driver.read(ctx, CONTROL) == (0, OKAY)

    simulator.add_testbench(main)
    simulator.run()


def test_an_axi_lite_bus_has_32_or_64_bits():
    with pytest.raises(ValueError, match="data_bits must be 32 or 64, not 16"):
        AxiLiteSignature(data_bits=16)
