"""The counters of pair_cam against plain loops: windows, sub-steps, lanes, a table each."""

from collections import deque
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.config import EngineConfig
from sw.part_configs import FoldConfig, TableConfig
from sw.reuse import predict
from tests.strategies import layers


def parts(count, groups):
    size = -(-count // groups)
    return [[n for n in range(g * size, g * size + size) if n < count] for g in range(groups)]


def plain(images, config):
    """(lookups, misses, stall cycles), one product after the other."""
    layer, fold, table = config.layer, config.fold, config.table
    kernels, channels, height, width = config.learned_weight.shape
    top, left, bottom, right = layer.padding.as_array().tolist()
    groups = [
        parts(kernels, fold.kernels),
        parts(channels, fold.channels),
        parts(height * width, fold.taps),
    ]
    lanes = list(product(*(range(len(axis[0])) for axis in groups)))
    known = {lane: deque(maxlen=table.entries) for lane in lanes}
    multipliers = min(table.multipliers, len(lanes))
    lookups = misses = stall = 0
    for image in images:
        frame = np.pad(image, ((0, 0), (top, bottom), (left, right)))
        for y in range(0, frame.shape[1] - height + 1, layer.stride[0]):
            for x in range(0, frame.shape[2] - width + 1, layer.stride[1]):
                for step in product(*groups):
                    busy = [0] * multipliers
                    for n, lane in enumerate(lanes):
                        if any(at >= len(group) for at, group in zip(lane, step, strict=True)):
                            continue
                        k, c, tap = (group[at] for at, group in zip(lane, step, strict=True))
                        i, j = divmod(tap, width)
                        pair = int(frame[c, y + i, x + j]), int(config.learned_weight[k, c, i, j])
                        lookups += 1
                        if pair not in known[lane]:
                            known[lane].append(pair)
                            busy[n % multipliers] += 1
                    misses += sum(busy)
                    stall += max(busy) + 2 if any(busy) else 0
    return lookups, misses, stall


@settings(max_examples=40)
@given(st.data())
def test_it_is_a_plain_table_a_lane(data):
    layer = data.draw(layers(max_side=5, max_kernels=3, max_kernel_side=3, biased=False))
    fold = [data.draw(st.integers(1, n)) for n in (layer.kernels, layer.channels, layer.taps)]
    config = EngineConfig(
        name="pairs",
        layer=layer,
        templates="none",
        strategy="pair_cam",
        fold=FoldConfig(kernels=fold[0], channels=fold[1], taps=fold[2]),
        table=TableConfig(
            entries=data.draw(st.sampled_from([1, 2, 5])),
            multipliers=data.draw(st.sampled_from([1, 2, 64])),
        ),
    )
    limits = layer.input_format.range
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    values = rng.integers(limits.lo, limits.hi, 3, endpoint=True)
    images = rng.choice(values, (2, *layer.input_shape))
    counters = predict(images, config)
    assert (counters.lookups, counters.misses, counters.stall_cycles) == plain(images, config)
    assert counters.multiplications_executed == counters.misses
    assert counters.hits == counters.lookups - counters.misses
