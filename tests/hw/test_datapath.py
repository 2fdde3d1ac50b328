"""The whole datapath against the golden model: every kernel, every mark, every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.datapath import Datapath
from sw import reference
from sw.config import OutputConfig
from sw.reuse import TableModel
from tests.hw.benches import Ahead, InTurn, Recorder
from tests.hw.layers import layers, make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


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
    return {
        "pixel": [0] * config.layer.channels,
        "marks": dict.fromkeys(("live", "used", "emit", "last", "end", "bad"), 0),
    }


def set_registers(config):
    def setup(ctx, dut):
        if config.bias_bits:
            ctx.set(dut.bias, config.bias.tolist())
        if dut.requantise.scaled:
            ctx.set(dut.scale, config.scale.tolist())

    return setup


def outputs_of(results):
    return [result["y"] for result in results if result["marks"]["emit"]]


def expected(config, images):
    """Output words in the order of the beats."""
    return reference.run(images, config).transpose(0, 2, 3, 1).reshape(-1, config.layer.kernels)


def check(config, rng, *, frames=2, pause=ALWAYS):
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
    )["o"][dut.latency :]
    assert all(cycle["moves"] == cycle["taken"] for cycle in seen.cycles)
    assert [result["marks"] for result in results] == [beat["marks"] for beat in beats]
    assert outputs_of(results) == expected(config, images).tolist()
    model = TableModel(config)
    model.feed(images)
    totals = {
        name: sum(cycle["events"][name] for cycle in seen.cycles)
        for name in ("lookup", "hits", "miss", "stall")
    }
    counters = model.counters
    assert totals == {
        "lookup": counters.lookups // config.layer.channels,
        "hits": counters.hits,
        "miss": counters.misses,
        "stall": counters.stall_cycles,
    }


def with_templates(layer, kernels):
    """The layer with some of its kernels made two-valued or ternary."""
    rng = np.random.default_rng(7)
    for n, kernel in enumerate(kernels):
        values = [-3, 3] if n % 2 else [-1, 0, 1]
        layer.weight[kernel] = rng.choice(values, layer.weight.shape[1:])
        layer.weight[kernel, 0, 0, 0] = values[-1]
    return layer


@st.composite
def configs(draw):
    layer = draw(layers(kernels=4, channels=3, kernel=3, frame=5))
    chosen = draw(st.lists(st.integers(0, layer.kernels - 1), unique=True))
    bias_bits = draw(st.sampled_from([0, 6]))
    layer = with_templates(layer, chosen)
    return make_config(
        layer,
        templates=draw(st.sampled_from(["auto", "none"])),
        template_scale=draw(st.sampled_from(["multiply", "defer"])),
        entries=draw(st.sampled_from([1, 2, 8])),
        multipliers=draw(st.sampled_from([1, 4, 64])),
        bias_bits=bias_bits,
        output=draw(
            st.sampled_from(
                [
                    OutputConfig(),
                    OutputConfig(relu=True),
                    OutputConfig(kind="requantise", shift=4, bits=6, scale_bits=5),
                    OutputConfig(kind="requantise", shift=3),
                ]
            )
        ),
    )


@settings(max_examples=20)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_is_the_golden_model(config, pause, seed):
    rng = np.random.default_rng([seed, pause_seed()])
    check(config, rng, pause=pause)


MIXED = make_config(
    with_templates(
        make_layer(
            kernels=4,
            channels=2,
            kernel_shape=(2, 3),
            frame=(3, 4),
            padding=(1, 0, 0, 1),
            bias=np.array([5, -6, 0, 31]),
            scale=np.array([1, 20, 31, 7]),
        ),
        [0, 2],
    ),
    templates="auto",
    entries=3,
    bias_bits=6,
    output=OutputConfig(kind="requantise", shift=6, scale_bits=5),
)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_under_back_pressure(pause):
    check(MIXED, np.random.default_rng(pause_seed()), pause=pause)


@pytest.mark.parametrize("made", ["templates alone", "learned alone", "one value"])
def test_paths_that_are_not_there(made):
    layer = make_layer(kernels=2, channels=2, kernel_shape=(2, 2), frame=(3, 3))
    config = {
        "templates alone": lambda: make_config(with_templates(layer, [0, 1]), templates="auto"),
        "learned alone": lambda: make_config(layer),
        "one value": lambda: make_config(make_layer(frame=(1, 1)), entries=1, multipliers=1),
    }[made]()
    check(config, np.random.default_rng(pause_seed()), frames=3)


def test_weights_loaded_between_frames_count_from_the_next():
    rng = np.random.default_rng(pause_seed())
    config = make_config(make_layer(kernels=2, channels=2, kernel_shape=(2, 2), frame=(4, 4)))
    other = make_config(
        make_layer(kernels=2, channels=2, kernel_shape=(2, 2), frame=(4, 4), seed=5)
    )
    images = random_images(rng, config.layer, 2)
    dut = Datapath(config)
    stride = dut.table.geometry.stride
    bench = InTurn(Ahead(dut), "i", "i_weight", "flush")
    after = [idle(config)] * (dut.latency + 2)  # two may wait in the buffer before it
    frames = [
        [("i", beat) for beat in [*beats_of(config, image[None]), *after]] for image in images
    ]
    loads = [
        ("i_weight", {"index": c * stride + p, "weight": int(weight)})
        for c, row in enumerate(other.learned_weight.swapaxes(0, 1).reshape(2, -1))
        for p, weight in enumerate(row)
    ]
    steps = [*frames[0], *loads, *frames[1]]
    results = run_streams(bench, {"i": [bench.item(*step) for step in steps]})["o"]
    assert outputs_of(results) == [
        *expected(config, images[:1]).tolist(),
        *expected(other, images[1:]).tolist(),
    ]


def test_a_reset_leaves_no_marks_of_the_frame_under_way():
    rng = np.random.default_rng(pause_seed())
    images = random_images(rng, MIXED.layer, 2)
    dut = Datapath(MIXED)
    bench = InTurn(Ahead(dut), "i", "reset")
    first, second = (beats_of(MIXED, image[None]) for image in images)
    steps = [("i", beat) for beat in first[: len(first) * 2 // 3]]
    steps += [("reset", None)]
    steps += [("i", beat) for beat in [*second, *[idle(MIXED)] * dut.latency]]
    results = run_streams(
        bench,
        {"i": [bench.item(*step) for step in steps]},
        setup=lambda ctx, _: set_registers(MIXED)(ctx, dut),
    )["o"]
    after = results[-len(second) - dut.latency :]
    assert not any(any(result["marks"].values()) for result in after[: dut.latency])
    assert outputs_of(after) == expected(MIXED, images[1:]).tolist()
