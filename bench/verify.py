"""Designs against the golden model, on real CIFAR-10 images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hw.flow.progress import step
from sim.bulk import simulate
from sim.toolchain import DEFAULT_BUILD_DIR
from sw import reference
from sw.config import EngineConfig
from sw.data import load_samples
from sw.numeric import IntArray

from .design import Design, Verified
from .stream_check import compare, run_stream
from .weights import golden_config

__all__ = [
    "ENGINE_IMAGES",
    "STREAM_IMAGES",
    "samples",
    "verify_core",
    "verify_engine",
    "verify_layer",
]

STREAM_IMAGES = 8
"""Images through a design without a table: what an output depends on is nine pixels."""
ENGINE_IMAGES = 200
"""Images through an engine: its table fills within them."""


def samples(count: int) -> IntArray:
    """The first real images, shape (count, 3, 32, 32)."""
    return load_samples("cifar10").images[:count].astype(np.int64)


def verify_layer(design: Design, weight: IntArray) -> Verified:
    """A design that takes a pixel at every clock, one image behind the other."""
    images = samples(STREAM_IMAGES)
    expected = reference.run(images, golden_config(weight))
    pixels = images.transpose(0, 2, 3, 1)  # N, H, W, C
    _, height, width, channels = pixels.shape
    with step("simulating, bit for bit"):
        shown = run_stream(design, pixels.reshape(-1, channels))
    # The word with which each output's window ends: the lower right corner.
    words = np.arange(len(images) * height * width).reshape(-1, height, width)
    positions = words[:, 2:, 2:].reshape(-1)
    found = compare(shown, expected.transpose(0, 2, 3, 1).reshape(len(positions), -1), positions)
    return Verified(
        compared=found.compared,
        different=found.different,
        latency=found.latency,
        cycles_per_image=height * width,
    )


def verify_core(design: Design, weight: IntArray) -> Verified:
    """A core that takes the sums over the channels of a whole window at every clock."""
    images = samples(STREAM_IMAGES)
    expected = reference.run(images, golden_config(weight))
    sums = images.sum(axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(sums, (3, 3), axis=(1, 2)).reshape(-1, 9)
    with step("simulating, bit for bit"):
        shown = run_stream(design, windows)
    outputs = expected.transpose(0, 2, 3, 1).reshape(len(windows), -1)
    return compare(shown, outputs, np.arange(len(windows)))


def verify_engine(config: EngineConfig) -> Verified:
    """One of our engines, in the bulk bench; its cycles are those of the last image."""
    images = samples(ENGINE_IMAGES)
    expected = reference.run(images, config)
    with step(f"simulating {config.name}, bit for bit"):
        result = simulate(config, images, build_dir=Path(DEFAULT_BUILD_DIR))
    return Verified(
        compared=expected.size,
        different=int((result.y != expected).sum()),
        cycles_per_image=int(result.frame_cycles[-1]),
    )
