"""hw.blocks.control_port: every register, every refusal, and the bus's rules, with pauses."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.blocks.axi import AxiLiteSignature
from hw.blocks.control_port import ControlPort
from sw.register_model import Access
from sw.registers import COUNTERS, register_map
from tests.hw.axi_lite import AxiLiteDriver
from tests.hw.control_ports import (
    CONTROL,
    OKAY,
    SLVERR,
    STATUS,
    Bench,
    expected_write,
)
from tests.hw.streams import pause_seed


def test_every_register_reads_what_it_should(port_config):
    bench = Bench(port_config)
    dut, rng = bench.dut, bench.rng
    counters = {name: rng.getrandbits(port_config.counter_bits) for name in COUNTERS}

    async def main(ctx):
        bench.counts = counters
        ctx.set(dut.in_frame, 1)
        for register in register_map(port_config).registers:
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


def test_control_runs_and_pulses(full_port):
    bench = Bench(full_port)
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


@pytest.mark.parametrize("longest_pause", [0, 3])
def test_every_edge_of_every_region(port_config, longest_pause):
    bench = Bench(port_config, longest_pause)
    table = register_map(port_config)
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


def test_read_only_registers_refuse_writes(port_config):
    bench = Bench(port_config)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for register in register_map(port_config).registers:
            if register.access is Access.READ:
                assert await bench.driver.write(ctx, register.offset, 0xFFFFFFFF) == SLVERR
                _, response = await bench.driver.read(ctx, register.offset)
                assert response == OKAY
        assert await bench.driver.read(ctx, CONTROL) == (0, OKAY)
        assert await bench.driver.read(ctx, STATUS) == (1, OKAY)

    bench.run(main)
    assert bench.writes == []


@pytest.mark.parametrize("strobes", range(15))
def test_a_write_without_all_strobes_has_no_effect(full_port, strobes):
    bench = Bench(full_port)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for address in (CONTROL, 0x400, 0x800, 0x8000):
            assert await bench.driver.write(ctx, address, 0xFFFFFFFF, strobes) == SLVERR
        assert ctx.get(bench.dut.run) == 0

    bench.run(main)
    assert bench.writes == []
    assert bench.pulses == {"clear_counters": 0, "flush_table": 0}


def test_what_follows_waits_until_the_response_is_taken(full_port):
    bench = Bench(full_port, longest_pause=0)
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
    height = full_port.layer.input_shape[1]
    assert responses == [OKAY, OKAY, SLVERR, OKAY]
    assert results == [(0x4B544D31, OKAY), (0, SLVERR), (1, OKAY), (height, OKAY)]
    assert bench.writes == [("bias", n, 0) for n in range(3)]


@pytest.mark.parametrize("first", ["aw", "w"])
def test_address_and_data_in_either_order(full_port, first):
    bench = Bench(full_port)
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


def test_no_path_through_the_bus_within_a_cycle(full_port):
    """Whatever the manager does in a cycle, the port's side of the bus is the same."""
    bench = Bench(full_port)
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


def test_reset_clears_run_and_what_was_under_way(full_port):
    dut = ControlPort(full_port, COUNTERS)
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
