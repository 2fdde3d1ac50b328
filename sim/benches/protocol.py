"""cocotb tests of the engine's three buses; :mod:`sim.protocol` builds and runs them.

Each starts from a reset, compares with the golden model, and ends with nothing left and nothing
extra on the streams.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, cycle, repeat
from typing import Any

import cocotb
import numpy as np

from sim.drivers import OKAY, SLVERR, EngineDriver
from sim.protocol import bench_config
from sw import reference
from sw.config import EngineConfig
from sw.images import Images
from sw.numeric import IntArray
from sw.register_model import Access
from sw.registers import bias_writes, magnitude_writes, scale_writes, weight_writes
from sw.reuse import CounterModel, Counters, predict, received

CONFIG = bench_config()
PIXELS = CONFIG.layer.input_shape[1] * CONFIG.layer.input_shape[2]
TIMEOUT = {"timeout_time": 3, "timeout_unit": "ms"}  # 300,000 cycles: a hang fails


def rng() -> np.random.Generator:
    """Random numbers that depend on the seed and the test alone: cocotb seeds ``random`` so."""
    return np.random.default_rng(random.getrandbits(32))


def some_images(count: int) -> Images:
    """Random images in which values repeat, as they do in real ones."""
    limits = CONFIG.layer.input_format.range
    generator = rng()
    palette = generator.integers(limits.lo, limits.hi + 1, 12)
    return generator.choice(palette, (count, *CONFIG.layer.input_shape))


def some_weights() -> IntArray:
    """Random weights for the learned kernels."""
    limits = CONFIG.layer.weight_format.range
    return rng().integers(limits.lo, limits.hi + 1, CONFIG.learned_weight.shape)


async def started(dut: Any) -> EngineDriver:
    """An engine that takes frames."""
    engine = EngineDriver(dut, CONFIG)
    await engine.start()
    return engine


async def expect(
    engine: EngineDriver,
    images: Images,
    *,
    lengths: list[int] | None = None,
    config: EngineConfig = CONFIG,
) -> None:
    """The next frames must be those of ``images``, in order, bad where their length is wrong."""
    lengths = lengths or [PIXELS] * len(images)
    outputs, bad = await engine.receive(len(images))
    assert bad == [length != PIXELS for length in lengths]
    np.testing.assert_array_equal(outputs, reference.run(received(images, lengths), config))


async def expect_counters(engine: EngineDriver, expected: Counters) -> None:
    """The counters must be as predicted; only the clock's own are not."""
    found = await engine.counters()
    assert replace(found, cycles=None) == expected, f"{found} is not {expected}"


def pauses(kind: str) -> Iterator[bool] | None:
    """A pause generator: no pauses, half the cycles, bursts, or now and then very long."""
    generator = random.Random(random.getrandbits(32))

    def bursts(longest: int) -> Iterator[bool]:
        while True:
            yield from repeat(False, generator.randint(1, longest))
            yield from repeat(True, generator.randint(1, longest))

    def long() -> Iterator[bool]:
        while True:
            yield from repeat(False, generator.randint(1, 60))
            yield from repeat(True, generator.randint(100, 400))

    kinds = {
        "none": lambda: None,
        "half": lambda: (generator.random() < 0.5 for _ in cycle([0])),
        "bursty": lambda: bursts(12),
        "long": long,
    }
    return kinds[kind]()


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(
    source=["none", "half", "bursty", "long"], sink=["none", "half", "bursty", "long"]
)
async def frames_with_pauses(dut: Any, source: str, sink: str) -> None:
    """Frames back to back, the source and the sink pausing: the same outputs and counters."""
    engine = await started(dut)
    engine.source.set_pause_generator(pauses(source))
    engine.sink.set_pause_generator(pauses(sink))
    images = some_images(3)
    engine.send(images)
    await expect(engine, images)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG))


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(pause=["none", "half"])
async def short_and_long_frames(dut: Any, pause: str) -> None:
    """A short frame is filled with zeros, a long one cut, both are marked; good ones are right."""
    engine = await started(dut)
    engine.source.set_pause_generator(pauses(pause))
    engine.sink.set_pause_generator(pauses(pause))
    width = CONFIG.layer.input_shape[2]
    lengths = [PIXELS, 1, PIXELS, width, width - 1, PIXELS - 1, PIXELS, PIXELS + 1]
    lengths += [PIXELS, 2 * PIXELS, 3 * PIXELS + 5, PIXELS - width, PIXELS + width, PIXELS]
    images = some_images(len(lengths))
    engine.send(images, lengths)
    await expect(engine, images, lengths=lengths)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG, lengths=lengths))


@cocotb.test(**TIMEOUT)
async def frames_of_one_pixel(dut: Any) -> None:
    """Frames of a single pixel, back to back, are frames too."""
    engine = await started(dut)
    lengths = [1] * 5 + [PIXELS]
    images = some_images(len(lengths))
    engine.send(images, lengths)
    await expect(engine, images, lengths=lengths)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG, lengths=lengths))


@cocotb.test(**TIMEOUT)
async def random_lengths(dut: Any) -> None:
    """Any mix of lengths."""
    engine = await started(dut)
    engine.sink.set_pause_generator(pauses("bursty"))
    lengths = [int(n) for n in rng().integers(1, 2 * PIXELS, 12)]
    lengths = [length if n % 3 else PIXELS for n, length in enumerate(lengths)]
    images = some_images(len(lengths))
    engine.send(images, lengths)
    await expect(engine, images, lengths=lengths)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG, lengths=lengths))


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(taken=[1, PIXELS // 2, PIXELS - 1])
async def reset_within_a_frame(dut: Any, taken: int) -> None:
    """A reset in mid-frame stops and clears everything; the stream finds its next frame."""
    engine = await started(dut)
    images = some_images(2)
    engine.send(images)
    await expect(engine, images[:1])
    await engine.cycles(taken)
    engine.source.clear()
    await engine.reset()
    assert await engine.read("CONTROL") == 0
    assert await engine.read("STATUS") == engine.bits("STATUS", "idle")
    await expect_counters(engine, Counters())
    await engine.load(weight_writes(CONFIG))
    await engine.run()
    # A source that was not reset goes on in mid-frame: that frame is short, the next ones good.
    lengths = [max(PIXELS - taken, 1) if taken > 1 else PIXELS - 1, PIXELS, PIXELS]
    images = some_images(3)
    engine.send(images, lengths)
    await expect(engine, images, lengths=lengths)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG, lengths=lengths))


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
async def weights_reloaded(dut: Any) -> None:
    """New weights between frames: the outputs follow, the table starts anew, counters go on."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    model = CounterModel(CONFIG)
    for weight in (CONFIG.learned_weight, some_weights(), some_weights()):
        await engine.load_weights(weight)
        model.flush()
        images = some_images(2)
        engine.send(images)
        await expect(engine, images, config=CONFIG.with_weights(weight))
        model.feed(images)
    await engine.reset()  # which keeps the weight memory
    await engine.run()
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG))


@cocotb.test(**TIMEOUT)
async def part_of_a_set_changes_nothing(dut: Any) -> None:
    """Words of the window that are no whole set in turn: taken, told of, and without effect."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    images = some_images(2)
    engine.send(images)
    await expect(engine, images)
    assert not await engine.refused()
    await engine.stop()
    writes = weight_writes(CONFIG, some_weights())
    parts = [writes[-1:], writes[:-1], [*writes[:3], *writes[4:]], [*writes[:-1], *writes[-2:]]]
    for part in parts:
        await engine.write("CONTROL", engine.bits("CONTROL", "clear_counters"))
        assert not await engine.refused()
        await engine.load(part)
        await engine.load(part[:1])  # whatever was begun is over
        assert await engine.refused()
    await engine.load(writes[-1:])
    await engine.run("clear_counters")
    assert not await engine.refused()
    engine.send(images)
    await expect(engine, images)
    await engine.finish()
    model = CounterModel(CONFIG)
    model.feed(images)
    before = model.counters
    model.feed(images)
    found = await engine.counters()
    assert found.misses == model.counters.misses - before.misses, "the table was emptied"


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(pause=["none", "half", "bursty", "long"])
async def weights_streamed_while_frames_pass(dut: Any, pause: str) -> None:
    """A set that comes while frames are computed counts from a frame boundary on, whole."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    engine.weights.set_pause_generator(pauses(pause))
    engine.sink.set_pause_generator(pauses(pause))
    before = CONFIG.learned_weight
    for noise in (0, 1, -1):
        weight, images = some_weights(), some_images(6)
        engine.send(images)
        await engine.cycles(PIXELS // 2)
        engine.send_weights(weight, noise=noise)
        await engine.weights.wait()
        outputs, bad = await engine.receive(len(images))
        assert not any(bad)
        old = reference.run(images, CONFIG.with_weights(before))
        new = reference.run(images, CONFIG.with_weights(weight))
        counts = [int((outputs[n] == new[n]).all()) for n in range(len(images))]
        boundary = counts.index(1) if 1 in counts else len(counts)
        np.testing.assert_array_equal(outputs[:boundary], old[:boundary])
        np.testing.assert_array_equal(outputs[boundary:], new[boundary:])
        assert boundary, "the set counted before it came"
        images = some_images(1)  # the set is in place now in any case
        engine.send(images)
        await expect(engine, images, config=CONFIG.with_weights(weight))
        before = weight
    assert not await engine.refused()
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def sets_back_to_back(dut: Any) -> None:
    """A set waits for the one before to be swapped in; nothing of either is lost."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    engine.sink.set_pause_generator(pauses("half"))
    sets = [some_weights() for _ in range(4)]
    images = some_images(3)
    engine.send(images)
    for weight in sets:
        engine.send_weights(weight)
    await engine.weights.wait()
    await engine.receive(len(images))
    await engine.cycles(20)
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(sets[-1]))
    assert not await engine.refused()
    await engine.finish()


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(surplus=[-1, 1, 40])
async def short_and_long_sets_are_refused(dut: Any, surplus: int) -> None:
    """A set of another length is dropped whole; the set behind it is taken."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    size = CONFIG.learned_weight.size
    images = some_images(2)
    for length in (1, size + surplus):
        if length == size:
            continue
        await engine.run("clear_counters")
        assert not await engine.refused()
        engine.send_weights(some_weights(), length=length)
        await engine.weights.wait()
        engine.send(images)
        await expect(engine, images)
        assert await engine.refused()
    weight = some_weights()
    engine.send_weights(weight)
    await engine.weights.wait()
    await engine.cycles(20)
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def reset_within_a_set(dut: Any) -> None:
    """What was begun is forgotten; the weights that counted do still."""
    if not CONFIG.learned:
        return
    engine = await started(dut)
    weight = some_weights()
    engine.send_weights(weight)
    await engine.weights.wait()
    images = some_images(2)
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
    engine.weights.set_pause_generator(pauses("half"))
    engine.send_weights(some_weights())
    await engine.cycles(CONFIG.learned_weight.size)
    engine.weights.clear()
    await engine.reset()
    assert not await engine.refused()
    await engine.run()
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
    weight = some_weights()
    engine.send_weights(weight)
    await engine.weights.wait()
    await engine.cycles(20)
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
    await engine.finish()


@cocotb.test(**TIMEOUT)
async def the_window_takes_over_from_the_stream(dut: Any) -> None:
    """A set of the window, written while a stream's is under way, counts; the rest is dropped."""
    if not CONFIG.learned:
        return
    engine = EngineDriver(dut, CONFIG)
    await engine.reset()
    engine.weights.set_pause_generator(n > 8 for n in count())  # a few words, and no more
    engine.send_weights(some_weights())
    await engine.cycles(40)
    assert not engine.weights.idle()
    weight = some_weights()
    await engine.load(weight_writes(CONFIG, weight))
    engine.weights.clear_pause_generator()
    engine.weights.pause = False
    await engine.weights.wait()
    await engine.cycles(10)
    assert await engine.refused()
    await engine.run()
    images = some_images(2)
    engine.send(images)
    await expect(engine, images, config=CONFIG.with_weights(weight))
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
async def stop_and_go(dut: Any) -> None:
    """Run taken away in mid-frame: that frame is finished, the next waits for run."""
    engine = await started(dut)
    images = some_images(3)
    engine.send(images)
    while not await engine.read("STATUS") & engine.bits("STATUS", "in_frame"):
        pass
    assert await engine.read("STATUS") == engine.bits("STATUS", "in_frame")
    await engine.stop()
    first = engine.sink.count()
    assert 1 <= first < len(images)
    await engine.cycles(3 * PIXELS)
    assert engine.sink.count() == first
    assert await engine.read("STATUS") == engine.bits("STATUS", "idle")
    await engine.run()
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
    assert await engine.read("CONTROL") == engine.bits("CONTROL", "run")
    found = await engine.counters()
    assert (found.frames, found.lookups, found.misses) == (0, 0, 0)
    engine.send(images)
    await expect(engine, images)
    again = sum(work.misses for work in model.feed(images))
    await engine.run("flush_table")
    assert await engine.read("CONTROL") == engine.bits("CONTROL", "run")
    engine.send(images)
    await expect(engine, images)
    await engine.finish()
    found = await engine.counters()
    assert found.frames == 4
    assert found.misses == again + before


@cocotb.test(**TIMEOUT)
async def flushed_while_streaming(dut: Any) -> None:
    """A table flushed at any moment costs misses, never a wrong product."""
    engine = await started(dut)
    images = some_images(4)
    engine.send(images)
    engine.source.set_pause_generator(pauses("half"))
    for n in range(30):
        await engine.cycles(3 + n % 5)
        await engine.run("flush_table")
    await expect(engine, images)
    await engine.finish()
    found = await engine.counters()
    assert found.hits + found.misses == found.lookups == predict(images, CONFIG).lookups


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
    assert await engine.read("CONTROL") == engine.bits("CONTROL", "run")
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
