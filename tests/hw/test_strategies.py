"""Every strategy behind its contract: all foldings, back-pressure, and weights that are swapped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.datapath import Datapath
from hw.strategies.registry import STRATEGIES
from sw.config import STRATEGIES as NAMES
from sw.part_configs import FoldConfig, LanesConfig
from tests.hw.benches import Ahead, InTurn
from tests.hw.datapaths import beats_of, check, expected, idle, outputs_of, random_images
from tests.hw.layers import layers, make_config, make_layer
from tests.hw.streams import PAUSES, pause_seed, run_streams

FOLDS = {
    "value_cam": ["kernels", "channels"],
    "direct": ["kernels", "channels", "taps"],
    "pair_cam": ["kernels", "channels", "taps"],
    "value_table": ["kernels", "channels"],
    "split_table": ["kernels", "channels"],
    "constant": ["none"],
}
"""What each strategy can fold."""


def fold_of(draw, strategy, layer):
    """A fold of the layer that the strategy can do."""
    kinds = FOLDS[strategy]
    most = {"kernels": layer.kernels, "channels": layer.channels, "taps": layer.taps}
    return FoldConfig(
        **{name: draw(st.integers(1, count)) for name, count in most.items() if name in kinds}
    )


def make_unfolded(strategy, layer):
    """A configuration that folds nothing."""
    return make_config(layer, strategy=strategy)


def make_folded(strategy, layer):
    """A configuration that folds all that the strategy can, in two or three groups."""
    groups = {name: 3 if name == "taps" else 2 for name in FOLDS[strategy] if name != "none"}
    if not groups:
        pytest.skip("it cannot fold")
    return make_config(layer, strategy=strategy, fold=FoldConfig(**groups))


@st.composite
def configs(draw):
    strategy = draw(st.sampled_from(list(STRATEGIES)))
    layer = draw(layers(kernels=3, channels=3, kernel=3, frame=5))
    return make_config(
        layer,
        strategy=strategy,
        fold=fold_of(draw, strategy, layer),
        lanes=LanesConfig(multipliers=draw(st.sampled_from([0, 2, 4096]))),
        entries=draw(st.sampled_from([1, 2, 8])),
        multipliers=draw(st.sampled_from([1, 4, 64])),
    )


def test_the_names_are_those_of_the_configuration():
    assert list(STRATEGIES) == list(NAMES)
    assert list(FOLDS) == list(NAMES)


@settings(max_examples=30)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_is_the_golden_model(config, pause, seed):
    check(config, np.random.default_rng([seed, pause_seed()]), pause=pause)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("make", [make_unfolded, make_folded])
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_under_back_pressure(strategy, make, pause):
    layer = make_layer(
        kernels=3, channels=2, kernel_shape=(2, 3), frame=(4, 5), padding=(1, 0, 0, 1)
    )
    check(make(strategy, layer), np.random.default_rng(pause_seed()), pause=pause)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("make", [make_unfolded, make_folded])
@pytest.mark.parametrize("restarts", [0, 2])
def test_weights_swapped_between_frames_count_from_the_next(strategy, make, restarts):
    """A set may be loaded while a frame is computed, and begun again."""
    rng = np.random.default_rng(pause_seed())
    shape = {"kernels": 3, "channels": 2, "kernel_shape": (2, 2), "frame": (4, 4), "input_bits": 4}
    made = [make(strategy, make_layer(**shape, seed=seed)) for seed in range(3)]
    if not made[0].run_time_weights:
        pytest.skip("its weights are built in")
    images = random_images(rng, made[0].layer, 4)
    dut = Datapath(made[0])
    bench = InTurn(Ahead(dut), "i", "i_weight", "swap_when_loaded")
    after = [idle(made[0])] * (dut.latency + 2)  # two may wait in the buffer before it
    used = [made[0], made[1], made[2], made[1]]
    steps = []
    for n, image in enumerate(images):
        beats = [("i", beat) for beat in [*beats_of(made[0], image[None]), *after]]
        loads = []
        if n + 1 < len(used):
            weights = used[n + 1].learned_weight.swapaxes(0, 1).ravel().tolist()
            for length in [*rng.integers(1, len(weights), restarts), len(weights)]:
                loads += [
                    ("i_weight", {"weight": w, "first": not k, "last": k == len(weights) - 1})
                    for k, w in enumerate(weights[:length])
                ]
        steps += interleaved(rng, beats, loads)
        if loads:
            steps.append(("swap_when_loaded", None))
    results = run_streams(bench, {"i": [bench.item(*step) for step in steps]})["o"]
    assert outputs_of(results) == [
        word
        for config, image in zip(used, images, strict=True)
        for word in expected(config, image[None]).tolist()
    ]


def interleaved(rng, first, second):
    """Both lists' items, each in its order, mixed at random."""
    takes = rng.permutation([0] * len(first) + [1] * len(second))
    sources = [iter(first), iter(second)]
    return [next(sources[n]) for n in takes]
