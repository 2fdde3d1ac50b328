"""cocotb tests of the registers on AXI4-Lite: what they say, what they refuse, what they count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb

from sim.drivers import OKAY, SLVERR, EngineDriver
from sw.register_model import Access
from sw.registers import bias_writes, magnitude_writes, scale_writes, weight_writes
from sw.reuse import CounterModel, predict

from .stimuli import CONFIG, TIMEOUT, expect, expect_counters, pauses, rng, some_images, started


@cocotb.test(**TIMEOUT)
async def reset_restores_registers(dut: Any) -> None:
    """Bias, scale and magnitudes that were loaded count until the reset, the model's after it."""
    engine = EngineDriver(dut, CONFIG)
    await engine.reset()
    layer, kernels = CONFIG.layer, CONFIG.layer.kernels
    if CONFIG.bias_bits:
        top = 1 << (CONFIG.bias_bits - 1)
        layer = replace(layer, bias=rng().integers(-top, top, kernels))
        await engine.load(bias_writes(CONFIG, layer.bias))
    if CONFIG.output.kind == "requantise" and CONFIG.output.scale_bits:
        layer = replace(layer, scale=rng().integers(0, 1 << CONFIG.output.scale_bits, kernels))
        await engine.load(scale_writes(CONFIG, layer.scale))
    if CONFIG.magnitude_bits:
        templates, weight = CONFIG.template_kernels, layer.weight.copy()
        magnitudes = rng().integers(1, layer.weight_format.range.hi + 1, len(templates))
        for (kernel, template), magnitude in zip(templates.items(), magnitudes, strict=True):
            weight[kernel] = magnitude * template.pattern
        layer = replace(layer, weight=weight)
        await engine.load(magnitude_writes(CONFIG, magnitudes))
    await engine.load(weight_writes(CONFIG))
    await engine.run()
    images = some_images(1)
    engine.send(images)
    await expect(engine, images, config=replace(CONFIG, layer=layer))
    await engine.reset()
    await engine.run()
    engine.send(images)
    await expect(engine, images)
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def windows_are_closed_while_running(dut: Any) -> None:
    """Weights, bias and scale written while frames are taken: refused, and without effect."""
    engine = await started(dut)
    writes = [(address, ~data) for address, data in weight_writes(CONFIG)]
    writes += [(address, ~data) for address, data in bias_writes(CONFIG) + scale_writes(CONFIG)]
    images = some_images(4)
    engine.sink.set_pause_generator(pauses("half"))
    engine.send(images)
    for address, data in writes[:: max(1, len(writes) // 30)]:
        assert await engine.write_at(address, data) == SLVERR, hex(address)
    await expect(engine, images)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG))


@cocotb.test(**TIMEOUT)
async def counters_cleared_and_table_flushed(dut: Any) -> None:
    """clear_counters keeps the table; flush_table keeps the counters; both read 0."""
    engine = await started(dut)
    images = some_images(2)
    model = CounterModel(CONFIG)
    engine.send(images)
    await expect(engine, images)
    before = sum(work.misses for work in model.feed(images))
    await engine.run("clear_counters")
    assert await engine.read("CONTROL") == engine.registers.bits("CONTROL", "run")
    found = await engine.counters()
    assert (found.frames, found.lookups, found.misses) == (0, 0, 0)
    engine.send(images)
    await expect(engine, images)
    again = sum(work.misses for work in model.feed(images))
    await engine.run("flush_table")
    assert await engine.read("CONTROL") == engine.registers.bits("CONTROL", "run")
    engine.send(images)
    await expect(engine, images)
    await engine.finish()
    found = await engine.counters()
    assert found.frames == 4
    assert found.misses == again + before


@cocotb.test(**TIMEOUT)
async def registers_say_what_was_built(dut: Any) -> None:
    """Every constant register has its value; read-only ones refuse a write and keep theirs."""
    engine = EngineDriver(dut, CONFIG)
    await engine.reset()
    for register in engine.registers.registers:
        value, response = await engine.read_at(register.offset)
        assert response == OKAY, register.name
        assert register.value is None or value == register.value, register.name
        if register.access is Access.READ:
            assert await engine.write_at(register.offset, ~value) == SLVERR, register.name
            assert await engine.read(register.name) == value, register.name
    layer = CONFIG.layer
    shape = [await engine.read(name) for name in ("CHANNELS", "HEIGHT", "WIDTH", "KERNELS")]
    assert shape == [*layer.input_shape, layer.kernels]
    await engine.run()
    assert await engine.read("CONTROL") == engine.registers.bits("CONTROL", "run")
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def absent_addresses_are_refused(dut: Any) -> None:
    """Reads and writes where nothing is, reads of windows, part of a word: SLVERR, no effect."""
    engine = EngineDriver(dut, CONFIG)
    await engine.reset()
    engine.control.write_if.aw_channel.set_pause_generator(pauses("half"))
    engine.control.write_if.w_channel.set_pause_generator(pauses("bursty"))
    engine.control.write_if.b_channel.set_pause_generator(pauses("half"))
    engine.control.read_if.r_channel.set_pause_generator(pauses("bursty"))
    registers = {register.offset for register in engine.registers.registers}
    words = {
        window.offset + 4 * (row * window.stride + column)
        for window in engine.registers.windows
        for row in range(window.rows)
        for column in range(window.columns)
    }
    addresses = [*range(0, 0x140, 4), *range(0x3F0, 0x440, 4), *range(0x7F0, 0x840, 4)]
    addresses += [*range(0x7FF0, 0x8100, 4), 0xFFFC, 0x4000, 0xC000]
    addresses += [max(words, default=0x8000) + 4 * n for n in range(1, 4)]
    addresses += [4 * int(n) for n in rng().integers(0, 1 << 14, 100)]
    for address in addresses:
        _, response = await engine.read_at(address)
        assert response == (OKAY if address in registers else SLVERR), hex(address)
        if address not in registers | words:
            assert await engine.write_at(address, 0xFFFFFFFF) == SLVERR, hex(address)
    for address in sorted(words | {engine.registers.offset("CONTROL")})[:8]:
        for part in (b"\xff", b"\xff\xff", b"\xff\xff\xff"):
            result = await engine.control.write(address, part)
            assert result.resp == SLVERR, hex(address)
    assert await engine.read("CONTROL") == 0
    await engine.load(weight_writes(CONFIG))
    await engine.run()
    images = some_images(1)
    engine.send(images)
    await expect(engine, images)
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def counters_can_be_read_at_any_time(dut: Any) -> None:
    """Reading counters while frames pass disturbs nothing, and they never go back."""
    engine = await started(dut)
    images = some_images(6)
    engine.send(images)
    seen = [await engine.counters() for _ in range(4)]
    await expect(engine, images)
    await engine.finish()
    seen.append(await engine.counters())
    for name in ("frames", "lookups", "misses", "cycles"):
        values = [getattr(counters, name) for counters in seen]
        assert values == sorted(values), name
    await expect_counters(engine, predict(images, CONFIG))
