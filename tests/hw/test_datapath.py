"""The whole datapath against the golden model: every kernel, every mark, every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.datapath import Datapath
from sw.part_configs import OutputConfig
from tests.hw.benches import Ahead, InTurn
from tests.hw.datapaths import (
    beats_of,
    check,
    expected,
    idle,
    outputs_of,
    random_images,
    set_registers,
)
from tests.hw.layers import layers, make_config, make_layer
from tests.hw.streams import PAUSES, pause_seed, run_streams


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
        template_scale=draw(st.sampled_from(["multiply", "defer", "register"])),
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
