"""hw.blocks.control_port: words for the windows arrive in order, and only while it is stopped."""

import pytest

from sw.registers import register_map, setup_writes
from tests.hw.control_ports import (
    CONTROL,
    OKAY,
    SLVERR,
    STATUS,
    Bench,
    expected_write,
)


def test_the_setup_arrives_in_order(port_config):
    bench = Bench(port_config)
    table = register_map(port_config)

    async def main(ctx):
        ctx.set(bench.dut.idle, 1)
        for address, data in setup_writes(port_config):
            assert await bench.driver.write(ctx, address, data) == OKAY

    bench.run(main)
    expected = [
        (*expected_write(table, address), data) for address, data in setup_writes(port_config)
    ]
    assert bench.writes == expected


@pytest.mark.parametrize(("idle", "run"), [(0, 0), (0, 1), (1, 1)])
def test_windows_are_closed_unless_stopped(full_port, idle, run):
    bench = Bench(full_port)
    dut, driver = bench.dut, bench.driver

    async def main(ctx):
        ctx.set(dut.idle, idle)
        assert await driver.write(ctx, CONTROL, run) == OKAY
        assert await driver.read(ctx, STATUS) == (0, OKAY)
        for address, data in setup_writes(full_port):
            assert await driver.write(ctx, address, data) == SLVERR
        assert bench.writes == []
        ctx.set(dut.idle, 1)
        assert await driver.write(ctx, CONTROL, 0) == OKAY
        assert await driver.read(ctx, STATUS) == (1, OKAY)
        assert await driver.write(ctx, 0x400, 7) == OKAY

    bench.run(main)
    assert bench.writes == [("bias", 0, 7)]


def test_a_write_right_behind_run_finds_the_windows_closed(full_port):
    """The next write waits in the port already when run is set: idle may still be high."""
    bench = Bench(full_port)
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


def test_the_next_write_waits_until_the_window_has_taken_the_last(full_port):
    """A write of any kind; reads go on."""
    bench = Bench(full_port, longest_pause=0)
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
