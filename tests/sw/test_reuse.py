"""The table model against a plain FIFO, and the pair statistics against a plain count."""

from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.configfile import load_config
from sw.images import load_images
from sw.reuse import (
    REPEAT_BINS,
    Counters,
    PairStatistics,
    TableModel,
    fill_cycles,
    pair_statistics,
    predict,
    received,
)
from tests.strategies import engine_configs, images_for, layers

NAMES = [
    "frames",
    "cycles",
    "multiplications_needed",
    "multiplications_executed",
    "lookups",
    "hits",
    "misses",
    "stall_cycles",
    "frame_errors",
]


def in_a_window(layer, axis, position):
    size, kernel, stride = (
        shape[axis] for shape in (layer.padded_shape, layer.kernel_shape, layer.stride)
    )
    return any(
        start <= position < start + kernel
        for start in range(0, size, stride)
        if start + kernel <= size
    )


def plain_streams(images, config, lengths=None):
    """What each channel's table is asked for, in order: a list a channel."""
    layer = config.layer
    channels, height, width = layer.input_shape
    rows, columns = layer.padded_shape
    streams = [[] for _ in range(channels)]
    for n, c, y, x in np.ndindex(len(images), channels, rows, columns):
        if not (in_a_window(layer, 0, y) and in_a_window(layer, 1, x)):
            continue
        row, column = y - layer.padding.top, x - layer.padding.left
        inside = 0 <= row < height and 0 <= column < width
        if lengths is not None and row * width + column >= lengths[n]:
            inside = False
        streams[c].append(int(images[n, c, row, column]) if inside else 0)
    return streams


def plain_misses(stream, entries):
    table, misses = deque(maxlen=entries), 0
    for value in stream:
        if value not in table:
            misses += 1
            table.append(value)
    return misses, sorted(table)


SMALL = layers(max_side=6)


def small_configs():
    return engine_configs(SMALL, max_entries=8)


@settings(max_examples=150)
@given(st.data())
def test_it_is_a_plain_fifo_a_channel(data):
    config = data.draw(small_configs())
    images = data.draw(images_for(config, max_frames=3))
    pixels = config.layer.input_shape[1] * config.layer.input_shape[2]
    some = st.lists(
        st.integers(1, pixels + 3) | st.just(pixels), min_size=len(images), max_size=len(images)
    )
    lengths = data.draw(st.none() | some)
    model = TableModel(config)
    by_frame = model.feed(images, lengths)
    counters = model.counters
    assert counters == predict(images, config, lengths=lengths)
    assert counters.frames == len(images)
    assert counters.cycles is None
    assert counters.multiplications_needed == len(images) * config.layer.multiplications_needed
    assert counters.frame_errors == sum(n != pixels for n in lengths or [])
    assert counters.hits + counters.misses == counters.lookups
    if not config.learned:
        assert counters.lookups == counters.misses == counters.stall_cycles == 0
        assert counters.multiplications_executed == 0
        assert model.contents() == []
        return
    streams = plain_streams(images, config, lengths)
    plain = [plain_misses(stream, config.table.entries) for stream in streams]
    assert counters.lookups == sum(map(len, streams))
    assert counters.misses == by_frame.sum() == sum(misses for misses, _ in plain)
    assert [sorted(keys) for keys in model.contents()] == [keys for _, keys in plain]
    products = len(config.learned) * config.layer.taps
    assert counters.multiplications_executed == counters.misses * products
    assert counters.stall_cycles == counters.misses * fill_cycles(config)


@given(st.data())
def test_entries_stay_from_call_to_call(data):
    config = data.draw(small_configs())
    images = data.draw(images_for(config, min_frames=2, max_frames=4))
    model = TableModel(config)
    misses = [model.feed(image[np.newaxis]).item() for image in images]
    assert model.counters == predict(images, config)
    assert misses == TableModel(config).feed(images).tolist()


def test_a_flush_empties_the_tables_and_keeps_the_counters():
    config = load_config("tiny")
    images = np.zeros((1, 2, 6, 7), np.uint8)
    model = TableModel(config)
    model.feed(images)
    assert model.contents() == [[0], [0]]
    model.feed(images)
    assert model.counters.misses == 2
    model.flush()
    assert model.contents() == [[], []]
    model.feed(images)
    assert model.counters.misses == 4
    assert model.counters.frames == 3


def test_first_in_first_out_not_least_recently_used():
    config = load_config("tiny", assignments=["table.entries=2"])
    images = np.zeros((1, 2, 6, 7), np.int64)
    images[0, 0].flat[:6] = [1, 2, 1, 3, 1, 0]  # 3 replaces 1, the first in, though just used
    model = TableModel(config)
    assert model.feed(images).item() == 1 + 5
    assert model.contents()[0] == [0, 1]


def test_short_frames_are_closed_with_zeros_and_long_ones_cut():
    images = np.arange(1, 13).reshape(1, 2, 2, 3)
    assert received(images, [4]).tolist() == [[[[1, 2, 3], [4, 0, 0]], [[7, 8, 9], [10, 0, 0]]]]
    assert np.array_equal(received(images, [6]), images)
    assert np.array_equal(received(images, [9]), images)
    assert images.min() == 1
    with pytest.raises(ValueError, match="lengths: a frame has at least 1 pixel, not 0"):
        received(images, [0])


@pytest.mark.parametrize("type_", [np.uint8, np.int16, np.uint64])
def test_the_type_of_the_images_does_not_matter(type_):
    config = load_config("tiny", assignments=["table.entries=3"])
    images = (np.arange(84) * 37 % 120).reshape(1, 2, 6, 7)
    assert predict(images.astype(type_), config) == predict(images.astype(np.int64), config)


def test_the_counters_have_the_names_of_the_registers():
    assert list(Counters().as_dict()) == NAMES
    assert Counters().as_dict() == dict.fromkeys(NAMES, 0) | {"cycles": None}


def test_a_miss_takes_its_groups_and_an_overhead():
    config = load_config("cifar10-layer1")  # 7 learned kernels x 9 taps, 8 multipliers
    assert fill_cycles(config) == 8 + 3
    config = load_config("cifar10-layer1", assignments=["table.multipliers=64"])
    assert fill_cycles(config) == 1 + 3


def test_the_issue_promises_at_most_a_thousandth_of_the_multiplications():
    config = load_config("cifar10-layer1")
    counters = predict(load_images("samples:cifar10", config), config)
    assert counters.multiplications_needed == 777_600_000
    assert counters.multiplications_executed <= counters.multiplications_needed / 1000
    assert counters.misses <= 3 * 256


def plain_pairs(image, weight, stride=(1, 1)):
    """Every multiplication of a layer, one by one."""
    kernels, channels, height, width = weight.shape
    pairs = Counter()
    for k in range(kernels):
        for y in range(0, image.shape[1] - height + 1, stride[0]):
            for x in range(0, image.shape[2] - width + 1, stride[1]):
                for c, i, j in np.ndindex(channels, height, width):
                    pairs[image[c, y + i, x + j].item(), weight[k, c, i, j].item()] += 1
    return pairs


def plain_bins(pairs):
    counts = list(pairs.values())
    return [sum(lo <= n <= (hi or n) for n in counts) for lo, hi in REPEAT_BINS]


@settings(max_examples=50)
@given(st.data())
def test_pairs_are_counted_one_by_one(data):
    layer = data.draw(layers(max_side=6, max_kernels=4, max_kernel_side=4))
    config = data.draw(engine_configs(st.just(layer)))
    images = data.draw(images_for(config, max_frames=2))
    statistics = pair_statistics(images, layer.weight, stride=layer.stride, padding=layer.padding)
    assert isinstance(statistics, PairStatistics)
    padding = layer.padding
    padded = np.pad(
        images, ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    )
    pairs = [plain_pairs(image, layer.weight, layer.stride) for image in padded]
    assert statistics.repeats.tolist() == [plain_bins(p) for p in pairs]
    assert statistics.distinct.tolist() == [len(p) for p in pairs]
    assert statistics.multiplications == layer.multiplications_needed
    assert all(p.total() == statistics.multiplications for p in pairs)


def test_pairs_of_floats(rng):
    images = rng.integers(0, 5, (1, 2, 5, 5)).astype(np.float32) / 255
    weight = rng.normal(size=(3, 2, 3, 3)).astype(np.float16)
    assert pair_statistics(images, weight).repeats.tolist() == [
        plain_bins(plain_pairs(images[0], weight))
    ]


def test_pairs_in_every_bin(monkeypatch):
    monkeypatch.setattr("sw.reuse._PAIRS_AT_ONCE", 1)
    repeats = [1, 5, 6, 10, 11, 50, 51, 100, 101, 500, 501, 1000, 1001, 5000, 5001, 10000, 10001]
    image = np.repeat(np.arange(len(repeats)), repeats).reshape(1, 1, 1, -1)
    statistics = pair_statistics(image, np.ones((1, 1, 1, 1)))
    assert statistics.repeats.tolist() == [[2, 2, 2, 2, 2, 2, 2, 2, 1]]


def test_pairs_of_no_images():
    statistics = pair_statistics(np.zeros((0, 1, 3, 3)), np.zeros((2, 1, 2, 2)))
    assert statistics.repeats.shape == (0, 9)
    assert statistics.multiplications == 2 * 4 * 4


@pytest.mark.parametrize(
    ("images", "weight"), [((1, 2, 5, 5), (4, 3, 3, 3)), ((2, 5, 5), (4, 2, 3, 3))]
)
def test_pairs_of_shapes_that_do_not_fit(images, weight):
    with pytest.raises(
        ValueError, match=r"expected images \(N, C, H, W\) and weight \(K, C, kh, kw"
    ):
        pair_statistics(np.zeros(images), np.zeros(weight))


def test_the_papers_tables_on_real_images():
    """Facts of the paper: 777,600 multiplications an image, about 3 to 5 % distinct pairs."""
    images = load_images("samples:cifar10:50", load_config("cifar10-layer1"))
    plain = pair_statistics(images, load_config("cifar10-layer1-plain").layer.weight)
    templated = pair_statistics(images, load_config("cifar10-layer1").layer.weight)
    assert plain.multiplications == templated.multiplications == 777_600
    assert plain.distinct.mean() == pytest.approx(42094, rel=0.1)
    assert templated.distinct.mean() == pytest.approx(23173, rel=0.1)
