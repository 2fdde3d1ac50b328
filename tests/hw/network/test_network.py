"""Accelerator: registers, short and long frames, stops and resets, as its buses show them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hw.network.network import Accelerator
from sw.network.config import LayerSettings, NetworkConfig
from sw.network.graph import ArgMax, Network
from sw.network.loading import load_writes
from sw.network.registers import NETWORK_ID, network_registers
from tests.hw.axi_lite import AxiLiteDriver, watch_responses
from tests.hw.network.networks import BYTE, dense, pool
from tests.hw.streams import pause_seed

OKAY, SLVERR = 0, 2
SIDE, CLASSES = 4, 3
PIXELS = SIDE * SIDE


def tiny(seed: int = 1) -> Network:
    """A pool and a dense layer."""
    last = dense("dense1", np.random.default_rng(seed), CLASSES, (1, SIDE // 2, SIDE // 2))
    argmax = ArgMax(name="argmax", classes=CLASSES, input_range=last.output_range)
    return Network(layers=(pool("pool1", (1, SIDE, SIDE)), last, argmax), input_range=BYTE)


def expected(network: Network, pixels: list[int]) -> list[int]:
    """Logits and label of a frame, filled with zeros or cut."""
    frame = np.array([*pixels, *[0] * PIXELS][:PIXELS]).reshape(SIDE // 2, 2, SIDE // 2, 2)
    layer: Any = network.layers[1]
    logits = (layer.weight[:, 0] * frame.max(axis=(1, 3))).sum(axis=(1, 2)) + layer.bias
    return [*logits.tolist(), int(logits.argmax())]


class Bench:
    """The accelerator between a host that does as told and a sink that takes everything."""

    def __init__(self, network: Network, **settings: LayerSettings) -> None:
        self.config = NetworkConfig(name="tiny", network=network, layers=settings)
        self.registers = network_registers(network)
        self.dut = Accelerator(self.config)
        self.reset = Signal()
        self.host = AxiLiteDriver(self.dut.s_axil, random.Random(pause_seed()))
        self.bits = len(self.dut.m_axis.tdata)
        self.taken: list[tuple[list[int], bool]] = []

    async def collect(self, ctx: Any) -> None:
        bus, frame = self.dut.m_axis, []
        rng = random.Random(pause_seed())
        while True:
            ctx.set(bus.tready, rng.random() < 0.7)
            moved = await ctx.tick().sample(
                bus.tvalid & bus.tready, bus.tdata, bus.tlast, bus.tuser, self.reset
            )
            _, _, valid, value, last, bad, reset = moved
            if reset:
                frame = []
            elif valid:
                sign = 1 << (self.bits - 1)
                frame.append((value ^ sign) - sign)
                if last:
                    self.taken.append((frame, bool(bad)))
                    frame = []

    async def send(self, ctx: Any, pixels: list[int]) -> None:
        """A frame of so many pixels."""
        bus = self.dut.s_axis
        for n, pixel in enumerate(pixels):
            ctx.set(bus.tvalid, 1)
            ctx.set(bus.tdata, pixel)
            ctx.set(bus.tlast, n == len(pixels) - 1)
            ready = 0
            while not ready:
                _, _, ready = await ctx.tick().sample(bus.tready)
        ctx.set(bus.tvalid, 0)

    async def write(self, ctx: Any, name: str, word: int) -> int:
        return await self.host.write(ctx, self.registers.offset(name), word)

    async def read(self, ctx: Any, name: str) -> int:
        word, response = await self.host.read(ctx, self.registers.offset(name))
        assert response == OKAY
        return word

    async def until_idle(self, ctx: Any) -> None:
        while not await self.read(ctx, "STATUS") & 1:
            pass

    def run(self, test: Any) -> None:
        top = Module()
        top.domains.sync = ClockDomain()
        top.submodules.dut = ResetInserter(self.reset)(self.dut)
        simulator = Simulator(top)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self.collect, background=True)
        simulator.add_testbench(watch_responses(self.dut.s_axil), background=True)
        simulator.add_testbench(test)
        simulator.run()


def some_pixels(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(1, 256, count).tolist()


def test_what_was_built_and_what_is_refused():
    bench = Bench(tiny())

    async def test(ctx: Any) -> None:
        for register in bench.registers.registers:
            if register.value is not None:
                assert await bench.read(ctx, register.name) == register.value
        assert await bench.read(ctx, "ID") == int.from_bytes(NETWORK_ID, "big")
        assert (await bench.host.read(ctx, 0x0FFC))[1] == SLVERR
        assert (await bench.host.read(ctx, bench.registers.offset("LOAD")))[1] == SLVERR
        assert await bench.write(ctx, "ID", 0) == SLVERR
        load = bench.registers.offset("LOAD")
        assert await bench.host.write(ctx, load, 1, strobes=0x7) == SLVERR
        assert await bench.write(ctx, "CONTROL", 1) == OKAY
        assert await bench.host.write(ctx, load, 1) == SLVERR, "it runs"

    bench.run(test)


def test_short_and_long_frames_are_bad_and_the_others_right():
    network = tiny()
    bench = Bench(network)
    lengths = [PIXELS, 1, PIXELS, PIXELS - 1, PIXELS + 1, PIXELS, 2 * PIXELS, 3, PIXELS]
    frames = [some_pixels(length, n) for n, length in enumerate(lengths)]

    async def test(ctx: Any) -> None:
        await bench.write(ctx, "CONTROL", 1)
        for frame in frames:
            await bench.send(ctx, frame)
        await bench.write(ctx, "CONTROL", 0)
        await bench.until_idle(ctx)
        assert await bench.read(ctx, "FRAMES") == len(lengths)
        assert await bench.read(ctx, "FRAME_ERRORS") == sum(n != PIXELS for n in lengths)
        windows = PIXELS * len(lengths)
        assert await bench.read(ctx, "POOL1_STEPS") == windows
        assert await bench.read(ctx, "CYCLES") > windows
        assert await bench.write(ctx, "CONTROL", 2) == OKAY
        assert await bench.read(ctx, "FRAMES") == 0

    bench.run(test)
    wanted = [(expected(network, f), len(f) != PIXELS) for f in frames]
    assert bench.taken == wanted


def test_a_stop_waits_for_the_frame_and_holds_the_next():
    network = tiny()
    bench = Bench(network)

    async def test(ctx: Any) -> None:
        await bench.write(ctx, "CONTROL", 1)
        await bench.send(ctx, some_pixels(5)[:4])  # a short one, so that the frame is under way
        await bench.write(ctx, "CONTROL", 0)
        await bench.until_idle(ctx)
        assert len(bench.taken) == 1
        ctx.set(bench.dut.s_axis.tvalid, 1)
        await ctx.tick().repeat(50)
        assert await bench.read(ctx, "STATUS") == 1, "what waits has not begun"

    bench.run(test)


@pytest.mark.parametrize("cycle", [3, 20, 37, 60])
def test_a_reset_at_any_time_and_then_a_whole_frame(cycle):
    network = tiny()
    bench = Bench(network)
    frame = some_pixels(PIXELS, 5)

    async def test(ctx: Any) -> None:
        await bench.write(ctx, "CONTROL", 1)
        bus = bench.dut.s_axis
        ctx.set(bus.tvalid, 1)
        ctx.set(bus.tdata, 77)
        await ctx.tick().repeat(cycle)
        ctx.set(bus.tvalid, 0)
        ctx.set(bench.reset, 1)
        await ctx.tick()
        ctx.set(bench.reset, 0)
        bench.taken.clear()
        await bench.write(ctx, "CONTROL", 1)
        await bench.send(ctx, frame)
        await bench.write(ctx, "CONTROL", 0)
        await bench.until_idle(ctx)
        assert await bench.read(ctx, "FRAMES") == 1

    bench.run(test)
    assert bench.taken == [(expected(network, frame), False)]


@pytest.mark.parametrize("lanes", [1, 2])
def test_other_weights(lanes):
    network, other = tiny(), tiny(9)
    bench = Bench(network, dense1=LayerSettings(build="macs", kernels=lanes))
    loaded = NetworkConfig(name="other", network=other)
    frame = some_pixels(PIXELS, 5)

    async def test(ctx: Any) -> None:
        for address, word in load_writes(loaded, bench.config):
            assert await bench.host.write(ctx, address, word) == OKAY
        await bench.write(ctx, "CONTROL", 1)
        await bench.send(ctx, frame)
        await bench.write(ctx, "CONTROL", 0)
        await bench.until_idle(ctx)

    bench.run(test)
    assert bench.taken == [(expected(other, frame), False)]
    assert expected(other, frame) != expected(network, frame)


def test_weights_of_another_shape_are_refused():
    wide = dense("dense1", np.random.default_rng(1), CLASSES + 1, (1, SIDE // 2, SIDE // 2))
    argmax = ArgMax(name="argmax", classes=CLASSES + 1, input_range=wide.output_range)
    other = Network(layers=(tiny().layers[0], wide, argmax), input_range=BYTE)
    configs = [NetworkConfig(name="n", network=n) for n in (other, tiny())]
    with pytest.raises(ValueError, match="layer dense1: not as it was built"):
        list(load_writes(*configs))
