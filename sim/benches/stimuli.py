"""What the protocol benches share: stimuli, and what is expected of an engine.

Their tests start from a reset, compare with the golden model, and end with nothing left and nothing
extra on the streams. :mod:`sim.protocol` builds and runs them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, repeat
from typing import Any

import numpy as np

from sim.drivers import EngineDriver
from sim.protocol import bench_config
from sw import reference
from sw.config import EngineConfig
from sw.images import Images
from sw.numeric import IntArray
from sw.reuse import Counters, received

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
