"""The planner of the template bank against plain window sums."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.bank_bound import adders_lower_bound
from hw.bank_network import Network, Term, symbolic
from hw.bank_plan import plan_bank
from hw.bank_tree import factors, spanning_tree
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.spec import LayerSpec
from sw.templates import hlac25, local_binary_patterns


def config_of(weight, *, width, bits=8, signed=False, scale="multiply"):
    weight = np.asarray(weight, dtype=np.int64)
    _, channels, height, _ = weight.shape
    layer = LayerSpec(
        weight=weight,
        input_shape=(channels, height, width),
        input_format=FixedFormat(bits=bits, frac=bits, signed=signed),
    )
    return EngineConfig(name="test", layer=layer, template_scale=scale)


def in_channels(patterns, channels):
    return np.repeat(np.asarray(patterns)[:, None], channels, axis=1).astype(np.int64)


def window_sums(config, beats):
    """The sums from the weights, cell by cell, zeros before the first beat: (K, N)."""
    row, total = config.layer.padded_shape[1], beats.shape[1]
    sums = np.zeros((len(config.template_kernels), total), np.int64)
    for n, k in enumerate(sorted(config.template_kernels)):
        weight = config.layer.weight[k]
        weight = np.sign(weight) if config.template_scale == "defer" else weight
        channels, height, width = weight.shape
        for c, i, j in np.ndindex(channels, height, width):
            delay = (height - 1 - i) * row + width - 1 - j
            if delay < total:
                sums[n, delay:] += weight[c, i, j] * beats[c, : total - delay]
    return sums


def check(config, seed=0):
    plan = plan_bank(config)
    limits = config.layer.input_format.range
    height = config.layer.kernel_shape[0]
    length = min(height * config.layer.padded_shape[1] + plan.latency + 20, 2000)
    random = np.random.default_rng(seed)
    beats = random.integers(limits.lo, limits.hi + 1, (config.layer.channels, length))
    extreme = random.choice([limits.lo, limits.hi], beats.shape)
    beats = np.where(random.random(beats.shape) < 0.5, beats, extreme)
    shown = plan.evaluate(beats)
    assert (
        shown[:, plan.latency :] == window_sums(config, beats)[:, : length - plan.latency]
    ).all()
    for n, output in enumerate(plan.output_ranges.values()):
        assert output.contains(shown[n])
    for k, kernel in config.template_kernels.items():
        a = config.magnitude(k)
        high, low = int((kernel.pattern > 0).sum()), int((kernel.pattern < 0).sum())
        assert plan.output_ranges[k].hi == a * (high * limits.hi - low * limits.lo)
        assert plan.output_ranges[k].lo == a * (high * limits.lo - low * limits.hi)
    assert plan.adders_lower_bound <= plan.adders == sum(plan.stages.values())
    return plan


@st.composite
def banks(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kernels, channels = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    values = draw(st.sampled_from([(-1, 1), (-1, 0, 1), (0, 1), (0, -1), (-1, 0, 0, 0, 1)]))
    pattern = random.choice(values, (kernels, channels, height, width))
    same = random.random(kernels) < draw(st.sampled_from([0, 0.5, 1]))
    pattern[same] = pattern[same][:, :1]
    repeated = random.random(kernels) < draw(st.sampled_from([0, 0.3]))
    pattern[repeated] = pattern[0] * random.choice([-1, 1], (repeated.sum(), 1, 1, 1))
    magnitude = draw(st.sampled_from([(1,), (1, 2, 4), (148,), (74, 37, 148), (3, 7, 91)]))
    weight = pattern * random.choice(magnitude, (kernels, 1, 1, 1))
    # Whatever was drawn, one kernel is a template.
    weight[0] = weight[0] if np.count_nonzero(weight[0]) > 1 else 5
    if weight[0].size == 1:
        weight = np.repeat(weight, 2, axis=3)
    return config_of(
        weight,
        width=draw(st.integers(weight.shape[3], 20)),
        bits=draw(st.integers(4, 16)),
        signed=draw(st.booleans()),
        scale=draw(st.sampled_from(["multiply", "defer"])),
    )


@settings(deadline=None)
@given(banks())
def test_every_plan_gives_plain_sums(config):
    check(config)


def test_hlac25_has_the_promised_adders():
    plan = check(config_of(in_channels(hlac25(), 3), width=32, scale="defer"))
    assert plan.stages["channel sums"] == 2
    assert plan.stages["tree"] <= 30
    assert plan.adders_lower_bound == 30
    assert plan.adders <= 1.1 * plan.adders_lower_bound
    assert plan.register_bits <= 900


def test_one_magnitude_is_multiplied_in_once():
    plan = check(config_of(in_channels(hlac25(), 3) * 148, width=32))
    assert plan.stages["common magnitude"] == 2  # 37 = 32 + 4 + 1
    assert plan.stages["kernel magnitudes"] == 0
    assert plan.adders <= 34


def test_local_binary_patterns_take_an_adder_each():
    plan = check(config_of(in_channels(local_binary_patterns(), 1), width=28))
    assert plan.adders == 8


def test_an_odd_kernel_does_not_spoil_the_channel_sums_of_the_others():
    odd = np.random.default_rng(1).choice([-1, 1], (1, 3, 3, 3))
    plan = check(config_of(np.concatenate([in_channels(hlac25(), 3), odd]), width=12))
    assert plan.adders <= 32 + 26


def test_wide_frames_only_lengthen_memories():
    narrow, wide = (
        check(config_of(in_channels(hlac25(), 3), width=w, scale="defer")) for w in (64, 4096)
    )
    assert (wide.adders, wide.latency) == (narrow.adders, narrow.latency)
    assert wide.register_bits == narrow.register_bits
    assert wide.memory_bits > 60 * narrow.memory_bits


def test_plans_are_the_same_each_time():
    weight = np.random.default_rng(9).choice([-1, 0, 1], (9, 2, 3, 3))
    plans = [plan_bank(config_of(weight, width=9)) for _ in range(2)]
    assert plans[0].operations == plans[1].operations
    assert plans[0].describe() == plans[1].describe()


def test_a_bank_without_kernels_is_refused():
    weight = np.arange(8).reshape(1, 2, 2, 2)
    with pytest.raises(ValueError, match=r"^test: the bank needs at least one template kernel$"):
        plan_bank(config_of(weight, width=4))


@pytest.mark.parametrize("factor", [1, 2, 3, 7, 37, 91, 148, 171, 255])
@pytest.mark.parametrize("sign", [1, -1])
def test_constants_multiply(factor, sign):
    network = Network(1, 8)
    term = network.multiply(Term(0, sign), factor, positive=sign > 0)
    vectors = {0: {0: 1}, **dict(symbolic(1, network.additions))}
    assert vectors[term.line][0] * term.sign << term.shift == sign * factor


def test_separable_patterns_have_factors_and_others_none():
    random = np.random.default_rng(2)
    for _ in range(200):
        parts = [random.choice([-1, 0, 1], n) for n in (2, 3, 4)]
        parts = [np.where(part.any(), part, 1).astype(np.int8) for part in parts]
        pattern = np.einsum("p,i,j->pij", *parts)
        a, b, c = factors(pattern)
        assert (np.einsum("p,i,j->pij", a, b, c) == pattern).all()
        assert (pattern > 0).any() == all((part > 0).any() for part in (a, b, c))
    assert factors(np.array([[[1, 1], [1, -1]]], np.int8)) is None


def test_a_tree_has_every_pattern_and_parents_first():
    patterns = np.unique(np.random.default_rng(4).choice([-1, 1], (20, 12)), axis=0)
    patterns = patterns.reshape(-1, 1, 3, 4).astype(np.int8)
    nodes = spanning_tree(patterns)
    found = {node.pattern.tobytes() for node in nodes}
    assert {pattern.tobytes() for pattern in patterns} <= found
    assert len(found) == len(nodes)
    assert all(node.parent is None or node.parent < n for n, node in enumerate(nodes))


def test_lower_bound_of_small_banks():
    two = np.array([[[1, 1]]], np.int8)
    assert adders_lower_bound([(1, two)]) == 1
    assert adders_lower_bound([(1, two), (2, -two)]) == 1
    assert adders_lower_bound([(1, two), (3, two)]) == 2
    assert adders_lower_bound([(1, np.ones((4, 1, 1), np.int8))]) == 3
    moved = [np.array([[[1, 1, 0]]], np.int8), np.array([[[0, 1, 1]]], np.int8)]
    assert adders_lower_bound([(1, m) for m in moved]) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_largest_bank_is_planned_in_reasonable_time():
    weight = np.random.default_rng(5).choice([-1, 0, 1], (256, 64, 7, 7))
    start = time.process_time()
    plan_bank(config_of(weight, width=32))
    assert time.process_time() - start < 60
