"""The counter model against a plain FIFO a channel."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.configfile import load_config
from sw.images import load_images
from sw.reuse import CounterModel, Counters, predict, received
from sw.strategies import fill_cycles
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
    "table_errors",
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
    model = CounterModel(config)
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
    assert (
        counters.misses
        == sum(work.misses for work in by_frame)
        == sum(misses for misses, _ in plain)
    )
    assert [sorted(keys) for keys in model.contents()] == [keys for _, keys in plain]
    products = len(config.learned) * config.layer.taps
    assert counters.multiplications_executed == counters.misses * products
    assert counters.stall_cycles == counters.misses * fill_cycles(config)


@given(st.data())
def test_entries_stay_from_call_to_call(data):
    config = data.draw(small_configs())
    images = data.draw(images_for(config, min_frames=2, max_frames=4))
    model = CounterModel(config)
    works = [model.feed(image[np.newaxis])[0] for image in images]
    assert model.counters == predict(images, config)
    assert works == CounterModel(config).feed(images)


def test_a_flush_empties_the_tables_and_keeps_the_counters():
    config = load_config("tiny")
    images = np.zeros((1, 2, 6, 7), np.uint8)
    model = CounterModel(config)
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
    model = CounterModel(config)
    assert model.feed(images)[0].misses == 1 + 5
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
