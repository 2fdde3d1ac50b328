"""Engine configurations: derived ranges, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw import reference
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.numeric import FixedFormat, IntRange
from sw.part_configs import FoldConfig, OutputConfig, TableConfig
from sw.spec import LayerSpec
from tests.strategies import engine_configs, images_for, layers
from tests.sw.configs import big_layer, refused, small


def test_a_beat_takes_several_cycles_where_something_is_folded():
    assert not small().several_cycles
    assert not small(strategy="direct").several_cycles
    assert small(strategy="direct", fold=FoldConfig(kernels=2)).several_cycles
    assert small(bank="serial").several_cycles
    assert not small(bank="serial", templates="none").several_cycles


def test_kernels_are_shared_out():
    config = small()
    assert list(config.template_kernels) == [0]
    assert config.learned == (1, 2)
    assert config.learned_weight.tolist() == [[[[1, 2]]], [[[0, 0]]]]
    assert config.magnitude(0) == 3
    assert small(templates="none").learned == (0, 1, 2)
    assert small(templates=()).learned == (0, 1, 2)
    assert small(templates=(0, 0)).learned == (1, 2)
    assert small(template_scale="defer").magnitude(0) == 1


def test_bias_and_scale_default_to_nothing():
    config = small()
    assert config.bias.tolist() == [0, 0, 0]
    assert config.scale.tolist() == [1, 1, 1]


def test_the_templates_ranges_follow_from_their_patterns():
    assert small().accumulator_range(0) == IntRange(-3 * 255, 3 * 255)
    assert small(template_scale="defer").accumulator_range(0) == IntRange(-255, 255)
    register = small(template_scale="register")
    assert register.magnitude(0) == 1
    assert register.magnitudes[0] == 3
    assert register.magnitude_bits == register.layer.weight_format.bits - 1
    largest = (1 << register.magnitude_bits) - 1
    assert register.accumulator_range(0) == IntRange(-255 * largest, 255 * largest)
    assert register.pattern_range(0) == IntRange(-255, 255)
    assert small().magnitude_bits == small(template_scale="defer").magnitude_bits == 0
    assert small(bias_bits=4).accumulator_range(0) == IntRange(-3 * 255 - 8, 3 * 255 + 7)


def test_the_learned_ranges_hold_any_weights():
    assert small().accumulator_range(1) == IntRange(-256 * 255 * 2, 255 * 255 * 2)
    assert small().output_range == small().accumulator_range(1)


def test_the_output_range_follows_from_the_output():
    relu = OutputConfig(relu=True)
    assert small(output=relu).output_range == IntRange(0, 255 * 255 * 2)
    byte = OutputConfig(kind="requantise", bits=6)
    assert small(output=byte).output_range == IntRange(-32, 31)
    bit = OutputConfig(kind="requantise", bits=1, relu=True)
    assert small(output=bit).output_range == IntRange(0, 0)


@given(st.data())
def test_no_accumulator_leaves_its_range(data):
    config = data.draw(engine_configs(layers(max_side=5)))
    images = data.draw(images_for(config))
    frames = reference.raster(images, config)
    nothing = np.empty((len(images), 0, *config.layer.output_shape[1:]), np.int64)
    bank = reference.template_bank(frames, config) if config.template_kernels else nothing
    products = reference.learned(frames, config) if config.learned else nothing
    merged = reference.merge(bank, products, config)
    for kernel in range(config.layer.kernels):
        assert config.accumulator_range(kernel).contains(merged[:, kernel])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"table": TableConfig(organisation="set_associative", entries=1024, ways=2)},
            (
                "table.entries = 1024 with 2 ways: 512 sets, but 8 input bits have only 256 "
                "values (fewer entries, or more ways)"
            ),
        ),
        ({"template_scale": "x"}, "template_scale must be multiply, defer or register, not 'x'"),
        ({"bank": "x"}, "bank must be parallel or serial, not 'x'"),
        (
            {"bank": "serial", "top": "template_bank"},
            (
                "bank must be parallel with top = template_bank: a serial one needs the engine "
                "around it"
            ),
        ),
        ({"bias_bits": 33}, "bias_bits must be 0 to 32, not 33"),
        ({"counter_bits": 8}, "counter_bits must be 16 to 64, not 8"),
        ({"templates": "x"}, "templates must be auto, none or a list of kernel numbers, not 'x'"),
        ({"templates": 3}, "templates must be auto, none or a list of kernel numbers, not 3"),
        ({"templates": (3,)}, "templates: kernel 3 is not one of 0..2"),
        ({"templates": (-1,)}, "templates: kernel -1 is not one of 0..2"),
        ({"templates": (True,)}, "templates: kernel True is not one of 0..2"),
        ({"templates": ("0",)}, "templates: kernel '0' is not one of 0..2"),
        ({"templates": (1,)}, "templates: kernel 1 is not -A, 0, +A with one magnitude A"),
        (
            {"layer": {"bias": np.array([0, -1, 0])}},
            "layer.bias: values -1..0 do not fit bias_bits = 0 (0..0)",
        ),
        (
            {"layer": {"bias": np.array([0, 8, 0])}, "bias_bits": 4},
            "layer.bias: values 0..8 do not fit bias_bits = 4 (-8..7)",
        ),
        (
            {
                "layer": {"scale": np.array([0, 1, 1])},
                "output": OutputConfig(kind="requantise"),
            },
            "layer.scale: values 0..1 do not fit output.scale_bits = 0 (1..1)",
        ),
        (
            {
                "layer": {"scale": np.array([0, 4, 1])},
                "output": OutputConfig(kind="requantise", scale_bits=2),
            },
            "layer.scale: values 0..4 do not fit output.scale_bits = 2 (0..3)",
        ),
    ],
)
def test_a_bad_setting_is_refused(fields, message):
    assert refused(small, **fields) == message


def test_a_scale_is_not_needed_for_exact_output():
    assert small(layer={"scale": np.array([0, 9, 1])}).scale.tolist() == [0, 9, 1]


def test_more_learned_products_than_can_be_built_are_refused():
    assert EngineConfig(name="full", layer=big_layer(64)).learned == tuple(range(64))
    assert refused(EngineConfig, name="over", layer=big_layer(65)) == (
        "layer: 65 learned kernels x 64 channels x 1 taps, in 1 cycles: 4160 learned products a "
        "cycle; an engine is built for at most 4096, since each has its own adder (fold the layer "
        "more, or make more kernels templates)"
    )
    fold = FoldConfig(kernels=2)
    assert (
        EngineConfig(
            name="folded", layer=big_layer(65), strategy="value_table", fold=fold
        ).fold.cycles
        == 2
    )


def test_folds_that_leave_nothing_to_fold_are_refused():
    assert refused(EngineConfig, name="f", layer=big_layer(2), fold=FoldConfig(kernels=3)) == (
        "fold.kernels must be at most 2, since there are no more learned kernels, not 3"
    )
    assert refused(EngineConfig, name="f", layer=big_layer(2), fold=FoldConfig(taps=2)) == (
        "fold.taps must be at most 1, since there are no more taps, not 2"
    )


@pytest.mark.parametrize("strategy", ["value_cam", "value_table", "split_table"])
def test_a_value_meets_all_taps_at_once_in_the_scatter_form(strategy):
    layer = LayerSpec(weight=np.arange(9).reshape(1, 1, 3, 3), input_shape=(1, 4, 4))
    fold = FoldConfig(taps=3)
    assert refused(EngineConfig, name="f", layer=layer, strategy=strategy, fold=fold) == (
        f"fold.taps must be 1 with strategy = {strategy}, not 3: an input value meets all taps of "
        "a kernel at once there (fold the kernels or the channels, or choose another strategy)"
    )


def test_a_table_of_every_value_ends_at_twelve_bits():
    def of(bits, strategy):
        return {
            "name": "wide",
            "strategy": strategy,
            "layer": LayerSpec(
                weight=np.array([[[[5]]]]),
                input_shape=(1, 4, 4),
                input_format=FixedFormat(bits=bits, frac=0, signed=False),
            ),
        }

    assert EngineConfig(**of(12, "value_table")).learned == (0,)
    assert EngineConfig(**of(16, "split_table")).learned == (0,)
    assert refused(EngineConfig, **of(13, "value_table")) == (
        "strategy = value_table: a table of every value of 13 input bits would be too large, 12 "
        "bits are the most (split_table cuts the value into parts, value_cam remembers only the "
        "values that come)"
    )


def test_constant_weights_are_neither_loaded_nor_folded():
    built_in = small(strategy="constant")
    assert built_in.learned
    assert not built_in.run_time_weights
    assert small().run_time_weights
    assert small(strategy="constant", top="sums").top == "sums"
    assert refused(EngineConfig, name="f", layer=big_layer(2), top="sums") == (
        "top = sums: the learned kernels' weights must be built in (strategy = constant)"
    )
    fold = FoldConfig(kernels=2)
    assert refused(EngineConfig, name="f", layer=big_layer(2), strategy="constant", fold=fold) == (
        "fold: strategy = constant is not folded, since it has no memory of weights to go "
        "through (leave fold out, or choose direct, value_table or split_table)"
    )


def test_the_range_of_a_sum_is_that_of_the_weights_that_may_come():
    config = small(strategy="constant")
    kernel = config.learned[0]
    weight = config.layer.weight[kernel]
    limits = config.sum_range(kernel)
    assert limits.hi == 255 * weight[weight > 0].sum()
    assert limits.lo == 255 * weight[weight < 0].sum()
    loaded = small().sum_range(kernel)
    assert loaded.lo < limits.lo
    assert loaded.hi > limits.hi


def test_loaded_weights_make_no_template():
    """A learned kernel stays one whatever is loaded, and the templates stay templates."""
    config = load_config("tiny")
    loaded = config.with_weights(np.ones_like(config.learned_weight))
    assert loaded.learned == config.learned
    assert (loaded.learned_weight == 1).all()
    assert loaded.template_kernels.keys() == config.template_kernels.keys()
    assert (config.learned_weight != 1).any()
