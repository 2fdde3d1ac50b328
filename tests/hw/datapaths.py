"""Beats of frames through a datapath, compared with the golden model: for the tests of both."""

import numpy as np

from hw.datapath import Datapath
from sw import reference
from sw.reuse import CounterModel
from tests.hw.benches import Ahead, Recorder
from tests.hw.streams import Pause, run_streams

__all__ = [
    "ALWAYS",
    "beats_of",
    "check",
    "expected",
    "idle",
    "outputs_of",
    "random_images",
    "set_registers",
]

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
LONGEST_HOLD = 400
"""Cycles that a folded beat may wait for its misses, and a margin."""


def random_images(rng, layer, count):
    """Few values, so that there are hits."""
    limits = layer.input_format.range
    values = rng.integers(limits.lo, limits.hi, 5, endpoint=True)
    return rng.choice(np.append(values, [limits.lo, limits.hi]), (count, *layer.input_shape))


def beats_of(config, images):
    """Beats of whole frames, as the raster makes them."""
    layer = config.layer
    height, width = layer.kernel_shape
    down, right = layer.stride
    beats = []
    for frame in reference.raster(images, config):
        _, rows, columns = frame.shape
        for row in range(rows):
            for column in range(columns):
                y, x = row - height + 1, column - width + 1
                emit = y >= 0 and x >= 0 and y % down == 0 and x % right == 0
                end = (row, column) == (rows - 1, columns - 1)
                used = bool(layer.covered[row, column])
                marks = {"live": 1, "used": used, "emit": emit, "last": 0, "end": end, "bad": 0}
                beats.append({"pixel": frame[:, row, column].tolist(), "marks": marks})
    return beats


def idle(config):
    """A beat of no frame."""
    return {
        "pixel": [0] * config.layer.channels,
        "marks": dict.fromkeys(("live", "used", "emit", "last", "end", "bad"), 0),
    }


def set_registers(config):
    """A setup for ``run_streams``: all registers as the configuration has them."""

    def setup(ctx, dut):
        if config.bias_bits:
            ctx.set(dut.bias, config.bias.tolist())
        if dut.requantise.scaled:
            ctx.set(dut.scale, config.scale.tolist())
        if config.magnitude_bits:
            ctx.set(dut.magnitude, config.magnitudes.tolist())

    return setup


def outputs_of(results):
    """The outputs among the results."""
    return [result["y"] for result in results if result["marks"]["emit"]]


def expected(config, images):
    """Output words in the order of the beats."""
    return reference.run(images, config).transpose(0, 2, 3, 1).reshape(-1, config.layer.kernels)


def check(config, rng, *, frames=2, pause=ALWAYS):
    """Random frames through the datapath: every output, mark and event; returns the cycles."""
    images = random_images(rng, config.layer, frames)
    dut = Datapath(config)
    bench = Ahead(dut)
    seen = Recorder(events=dut.events, moves=dut.o.valid, taken=dut.i.ready)
    beats = beats_of(config, images)
    inputs = [*beats, *[idle(config)] * dut.latency]
    results = run_streams(
        bench,
        {"i": inputs},
        pause=pause,
        setup=lambda ctx, _: set_registers(config)(ctx, dut),
        testbenches=[seen.watch],
        settle=LONGEST_HOLD,
        patience=50 * LONGEST_HOLD,
    )["o"][dut.latency :]
    assert all(cycle["moves"] == cycle["taken"] for cycle in seen.cycles)
    assert [result["marks"] for result in results] == [beat["marks"] for beat in beats]
    assert outputs_of(results) == expected(config, images).tolist()
    model = CounterModel(config)
    model.feed(images)
    counted = {
        "lookups": model.counters.lookups,
        "hits": model.counters.hits,
        "misses": model.counters.misses,
        "multiplications": model.counters.multiplications_executed,
        "stall": model.counters.stall_cycles,
    }
    for name, expected_total in counted.items():
        total = sum(cycle["events"][name] for cycle in seen.cycles)
        assert expected_total in (None, total), name
    return seen.cycles
