"""cocotb tests of the pixel and output streams: frames, pauses, lengths, resets, stops."""

from __future__ import annotations

from typing import Any

import cocotb

from sw.registers import weight_writes
from sw.reuse import Counters, predict

from .stimuli import (
    CONFIG,
    PIXELS,
    TIMEOUT,
    expect,
    expect_counters,
    pauses,
    rng,
    some_images,
    started,
)


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
    assert await engine.read("STATUS") == engine.registers.bits("STATUS", "idle")
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
async def stop_and_go(dut: Any) -> None:
    """Run taken away in mid-frame: that frame is finished, the next waits for run."""
    engine = await started(dut)
    images = some_images(3)
    engine.send(images)
    while not await engine.read("STATUS") & engine.registers.bits("STATUS", "in_frame"):
        pass
    assert await engine.read("STATUS") == engine.registers.bits("STATUS", "in_frame")
    await engine.stop()
    first = engine.sink.count()
    assert 1 <= first < len(images)
    await engine.cycles(3 * PIXELS)
    assert engine.sink.count() == first
    assert await engine.read("STATUS") == engine.registers.bits("STATUS", "idle")
    await engine.run()
    await expect(engine, images)
    await engine.finish()
    await expect_counters(engine, predict(images, CONFIG))


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
