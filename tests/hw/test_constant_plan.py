"""Constant weights as shared adders: the solver's graph and the plan against plain arithmetic."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import build
from hw.bank_network import Addition, Network, Term
from hw.bank_plan import line_limits
from hw.blocks.template_bank import ENABLED_BITS, TemplateBank
from hw.constant_plan import add_in_order, adder_bits, plan_constant, plan_sums
from hw.constant_solver import shared_adders
from sw.config_error import ConfigError
from sw.numeric import IntRange
from tests.hw.layers import layers, make_config, make_layer


def config_of(layer):
    return make_config(layer, strategy="constant")


def uniform_kernels(count=7):
    """int8 kernels of the benchmark: the paper's first layer."""
    return np.random.default_rng(2026).integers(-128, 128, (count, 3, 3, 3)).astype(np.int64)


def read(lines, term):
    return term.sign * lines[term.line] * 2.0**term.shift


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    bits = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    matrix = rng.integers(-(1 << bits), 1 << bits, (rows, columns))
    matrix[rng.random(matrix.shape) < draw(st.sampled_from([0, 0.5, 0.9]))] = 0
    return matrix


@settings(max_examples=60, deadline=None)
@given(matrix=matrices(), limits=st.sampled_from([IntRange(0, 255), IntRange(-8, 7)]))
def test_the_solvers_graph_is_the_matrix(matrix, limits):
    rng = np.random.default_rng(1)
    inputs = rng.integers(limits.lo, limits.hi, (len(matrix), 20), endpoint=True)
    additions, outputs = shared_adders(matrix, limits)
    lines = list(inputs)
    for a, b in additions:
        assert a.delay == b.delay == 0
        assert min(a.shift, b.shift) == 0
        assert a.sign > 0 or b.sign > 0
        lines.append(read(lines, a) + read(lines, b))
    for column, term in zip(matrix.T, outputs, strict=True):
        made = np.zeros(20) if term is None else read(lines, term)
        assert (made == column @ inputs).all()
        assert (term is None) == (not column.any())


def window_sums(layer, weight, beats):
    """Plain sums of every window, beat by beat."""
    row = layer.padded_shape[1]
    _, channels, height, width = weight.shape
    sums = np.zeros((len(weight), beats.shape[1]), np.int64)
    for c, i, j in np.ndindex(channels, height, width):
        age = (height - 1 - i) * row + width - 1 - j
        old = np.concatenate([np.zeros(age, np.int64), beats[c]])[: beats.shape[1]]
        sums += np.outer(weight[:, c, i, j], old)
    return sums


def assert_plan_is_the_sums(config, plan):
    limits = config.layer.input_format.range
    shape = (config.layer.channels, 60)
    beats = np.random.default_rng(3).integers(limits.lo, limits.hi, shape, endpoint=True)
    shown = plan.evaluate(beats)
    assert plan.latency >= 1
    weight = config.layer.weight[list(plan.outputs)]
    expected = window_sums(config.layer, weight, beats)[:, : 60 - plan.latency]
    assert (shown[:, plan.latency :] == expected).all()
    for kernel, sums in zip(plan.outputs, shown, strict=True):
        assert plan.output_ranges[kernel] == config.sum_range(kernel)
        assert config.sum_range(kernel).contains(sums)


@settings(max_examples=25, deadline=None)
@given(layer=layers(kernels=4, channels=3, kernel=3, frame=5))
def test_a_plan_is_the_sums_of_products(layer):
    config = config_of(layer)
    assert_plan_is_the_sums(config, plan_constant(config))


@settings(max_examples=15, deadline=None)
@given(
    layer=layers(kernels=4, channels=3, kernel=3, frame=5),
    templates=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_a_plan_of_all_kernels_is_the_sums_of_products(layer, templates, seed):
    weight = layer.weight.copy()
    rng = np.random.default_rng(seed)
    weight[:templates] = rng.choice([-7, 7], weight[:templates].shape)
    config = make_config(replace(layer, weight=weight), templates="auto", strategy="constant")
    plan = plan_sums(config)
    assert list(plan.outputs) == list(range(layer.kernels))
    assert plan.adders == sum(plan.stages.values())
    assert_plan_is_the_sums(config, plan)


@pytest.mark.parametrize(
    "weights",
    [[[0, 0]], [[4, 0]], [[-4, 0]], [[0, 1], [1, 0]], [[-3, -5]], [[3, 5], [0, 0], [-3, -5]]],
    ids=["zero", "power", "minus", "cells", "all minus", "a kernel and its negative"],
)
def test_kernels_that_need_hardly_an_adder(weights):
    weight = np.array(weights)[:, np.newaxis, np.newaxis]
    layer = make_layer(kernels=len(weights), kernel_shape=(1, 2), weight_bits=4)
    config = config_of(replace(layer, weight=weight))
    assert_plan_is_the_sums(config, plan_constant(config))


@pytest.mark.parametrize("chance", [1.0, 0.5])
def test_transfers_that_are_announced_move_every_line(chance):
    """The clock enables come from registers of what was announced, many lines to one."""
    layer = make_layer(kernels=3, channels=2, kernel_shape=(3, 3), frame=(5, 12))
    plan = plan_constant(config_of(layer))
    assert plan.register_bits > 2 * ENABLED_BITS
    dut = TemplateBank(plan, ahead=True)
    rng = np.random.default_rng(5)
    beats = rng.integers(0, 256, (2, 60))
    shown = []

    async def bench(ctx):
        for pixel in beats.T.tolist():
            while rng.random() >= chance:
                await ctx.tick()
            ctx.set(dut.i_next, 1)
            await ctx.tick()
            ctx.set(dut.i_next, 0)
            ctx.set(dut.i.payload, pixel)
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.o.ready, 1)
            shown.append([ctx.get(dut.o.payload)[f"k{k}"] for k in plan.outputs])
            await ctx.tick()
            ctx.set(dut.i.valid, 0)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert np.array(shown).T.tolist() == plan.evaluate(beats).tolist()


def test_the_same_weights_give_the_same_plan():
    config = config_of(make_layer(kernels=3, channels=2, kernel_shape=(3, 3), frame=(5, 6)))
    plans = [plan_constant(config) for _ in range(2)]
    assert plans[0].operations == plans[1].operations
    assert plans[0].outputs == plans[1].outputs


def test_sharing_takes_half_of_the_digits_adders():
    """7 kernels of 27 weights: 522 adders for the signed digits of each weight by itself."""
    weight = uniform_kernels()
    order = (np.arange(9), np.arange(21))
    network, pixels = Network(3, 32), IntRange(0, 255)
    assert len(add_in_order(network, weight, pixels, order)) == 7
    assert len(network.additions) <= 275
    # What the order of the additions and the signs of the sums in between are for.
    limits = line_limits(3, network.additions, pixels)[3:]
    assert sum(map(adder_bits, network.additions, limits)) <= 3_390


@pytest.mark.parametrize(
    ("a", "b", "limits", "bits"),
    [
        (Term(0), Term(1), IntRange(0, 510), 9),
        (Term(0), Term(1, shift=3), IntRange(0, 2295), 9),
        (Term(0), Term(1, sign=-1, shift=3), IntRange(-2040, 255), 9),
        (Term(0, shift=3), Term(1, sign=-1), IntRange(-255, 2040), 12),
        (Term(0, sign=-1), Term(1, shift=3), IntRange(-255, 2040), 12),
    ],
)
def test_low_bits_of_a_plus_alone_pass_an_adder_by(a, b, limits, bits):
    assert adder_bits(Addition(a, b), limits) == bits


def test_the_sums_are_built_without_an_engine(tmp_path):
    settings = ["--set", "strategy=constant", "--set", "top=sums", "--out", str(tmp_path)]
    assert build.main(["--target", "rtlil", "--config", "tiny", *settings]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "katazome.il",
        "report.json",
        "summary.txt",
    }
    assert "$mul" not in (tmp_path / "katazome.il").read_text()
    assert "the sums of all kernels alone" in (tmp_path / "summary.txt").read_text()


def test_without_the_solver_the_error_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "da4ml.cmvm", None)
    config = config_of(make_layer())
    with pytest.raises(ConfigError, match=r"needs da4ml.*extra 'constant'"):
        plan_constant(config)
    arguments = ["--target", "rtlil", "--config", "tiny", "--set", "strategy=constant"]
    assert build.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "needs da4ml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_solver_is_imported_by_this_strategy_alone():
    program = "import sys, hw.build, hw.datapath; sys.exit('da4ml' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
