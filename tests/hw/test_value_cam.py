"""Strategy value_cam, folded, with every kind of table: the golden model and its counters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.part_configs import ORGANISATIONS, REPLACEMENTS, FoldConfig
from tests.hw.datapaths import check
from tests.hw.layers import layers, make_config, make_layer
from tests.hw.streams import PAUSES, pause_seed


@st.composite
def configs(draw):
    layer = draw(layers(kernels=4, channels=3, kernel=3, frame=5))
    entries = draw(st.sampled_from([1, 2, 4, 8]))
    return make_config(
        layer,
        fold=FoldConfig(
            kernels=draw(st.integers(1, layer.kernels)),
            channels=draw(st.integers(1, layer.channels)),
        ),
        entries=entries,
        multipliers=draw(st.sampled_from([1, 4, 64])),
        protection=draw(st.sampled_from(["none", "parity"])),
        table={
            "organisation": draw(st.sampled_from(ORGANISATIONS)),
            "ways": draw(st.sampled_from([1, entries])),
            "replacement": draw(st.sampled_from(REPLACEMENTS)),
            "look_ahead": draw(st.sampled_from([0, 1, 3, 9])),
        },
    )


@settings(max_examples=10)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_is_the_golden_model(config, pause, seed):
    check(config, np.random.default_rng([seed, pause_seed()]), pause=pause)


@pytest.mark.parametrize("ahead", [0, 1, 4])
def test_entries_are_not_filled_while_they_are_read(ahead):
    """One entry, filled for each beat in fewer cycles than the beat before takes to be read."""
    layer = make_layer(kernels=4, channels=3, kernel_shape=(1, 2), frame=(3, 9))
    config = make_config(
        layer,
        entries=1,
        multipliers=64,
        fold=FoldConfig(kernels=4, channels=3),
        table={"look_ahead": ahead},
    )
    check(config, np.random.default_rng(pause_seed()))
