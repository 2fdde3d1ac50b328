"""hw.blocks.control_port: the counters' registers, of which both halves are of one moment."""

from sw.registers import COUNTERS, register_map
from tests.hw.control_ports import OKAY, SLVERR, Bench


def test_reading_lo_keeps_hi(full_port):
    bench = Bench(full_port)
    driver, table = bench.driver, register_map(full_port)

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


def test_halves_are_of_one_moment(full_port):
    """Whenever a count is asked for, and however it changes, no half of another one comes."""
    bench = Bench(full_port)
    driver, table = bench.driver, register_map(full_port)
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


def test_a_counter_that_never_passes_reads_zero(full_port):
    bench = Bench(full_port, counted=("frames", "misses"))
    bench.counts = dict.fromkeys(COUNTERS, (7 << 32) | 3)
    table = register_map(full_port)

    async def main(ctx):
        for name in COUNTERS:
            low = await bench.driver.read(ctx, table.offset(f"{name.upper()}_LO"))
            assert low == (3 if name in bench.counted else 0, OKAY)
            high = await bench.driver.read(ctx, table.offset(f"{name.upper()}_HI"))
            assert high == (7 if name in bench.counted else 0, OKAY)

    bench.run(main)
