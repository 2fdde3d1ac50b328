"""cocotb tests of sets of weights: from the stream, from the window, both, and neither whole."""

from __future__ import annotations

from itertools import count
from typing import Any

import cocotb
import numpy as np

from sim.drivers import EngineDriver
from sw import reference
from sw.registers import weight_writes
from sw.reuse import CounterModel, predict

from .stimuli import (
    CONFIG,
    PIXELS,
    TIMEOUT,
    expect,
    expect_counters,
    pauses,
    some_images,
    some_weights,
    started,
)


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
        await engine.write("CONTROL", engine.registers.bits("CONTROL", "clear_counters"))
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
