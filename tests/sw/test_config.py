"""Engine configurations and their files: derived ranges, and what is refused."""

import argparse
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw import reference
from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.configfile import (
    CONFIG_FOLDER,
    add_arguments,
    config_names,
    from_arguments,
    load_config,
)
from sw.numeric import FixedFormat, IntRange
from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig
from sw.spec import LayerSpec
from tests.strategies import engine_configs, images_for, layers


def refused(function, *args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def small(**changes):
    """Kernel 0 is a template of magnitude 3, kernel 1 is learned, kernel 2 is empty."""
    weight = np.array([[[[3, -3]]], [[[1, 2]]], [[[0, 0]]]])
    layer = LayerSpec(weight=weight, input_shape=(1, 2, 4), **changes.pop("layer", {}))
    return EngineConfig(**{"name": "small", "layer": layer} | changes)


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
    ("cls", "fields", "message"),
    [
        (TableConfig, {"entries": 0}, "table.entries must be 1 to 1024, not 0"),
        (TableConfig, {"entries": 1025}, "table.entries must be 1 to 1024, not 1025"),
        (
            TableConfig,
            {"organisation": "x"},
            "table.organisation must be one of registers, memory, set_associative, not 'x'",
        ),
        (
            TableConfig,
            {"replacement": "mru"},
            "table.replacement must be one of fifo, plru, lru, random, not 'mru'",
        ),
        (TableConfig, {"digit_bits": 0}, "table.digit_bits must be 1 to 12, not 0"),
        (TableConfig, {"digit_bits": 13}, "table.digit_bits must be 1 to 12, not 13"),
        (TableConfig, {"ways": 0}, "table.ways must be 1 to 64, not 0"),
        (TableConfig, {"ways": 65}, "table.ways must be 1 to 64, not 65"),
        (TableConfig, {"look_ahead": -1}, "table.look_ahead must be 0 to 256, not -1"),
        (TableConfig, {"look_ahead": 257}, "table.look_ahead must be 0 to 256, not 257"),
        (
            TableConfig,
            {"organisation": "set_associative", "entries": 10},
            "table.entries must be table.ways times a power of two, not 10 with 4 ways",
        ),
        (
            TableConfig,
            {"organisation": "set_associative", "entries": 12},
            "table.entries must be table.ways times a power of two, not 12 with 4 ways",
        ),
        (
            TableConfig,
            {"replacement": "plru", "entries": 12},
            (
                "table.replacement = plru needs a power of two of table.entries, not 12; "
                "fifo takes any"
            ),
        ),
        (
            TableConfig,
            {
                "replacement": "random",
                "organisation": "set_associative",
                "entries": 12,
                "ways": 3,
            },
            "table.replacement = random needs a power of two of table.ways, not 3; fifo takes any",
        ),
        (
            TableConfig,
            {"replacement": "lru", "entries": 17},
            ("table.replacement = lru needs at most 16 table.entries, not 17; plru takes more"),
        ),
        (
            small,
            {"table": TableConfig(organisation="set_associative", entries=1024, ways=2)},
            (
                "table.entries = 1024 with 2 ways: 512 sets, but 8 input bits have only 256 "
                "values (fewer entries, or more ways)"
            ),
        ),
        (
            TableConfig,
            {"multipliers": 3},
            "table.multipliers must be a power of two, 1 to 64, not 3",
        ),
        (
            TableConfig,
            {"multipliers": 128},
            "table.multipliers must be a power of two, 1 to 64, not 128",
        ),
        (OutputConfig, {"kind": "x"}, "output.kind must be exact or requantise, not 'x'"),
        (OutputConfig, {"queue": "x"}, "output.queue must be registers or memory, not 'x'"),
        (OutputConfig, {"bits": 0}, "output.bits must be 1 to 32, not 0"),
        (OutputConfig, {"shift": 48}, "output.shift must be 0 to 47, not 48"),
        (OutputConfig, {"scale_bits": 17}, "output.scale_bits must be 0 to 16, not 17"),
        (
            small,
            {"template_scale": "x"},
            "template_scale must be multiply, defer or register, not 'x'",
        ),
        (small, {"bank": "x"}, "bank must be parallel or serial, not 'x'"),
        (
            small,
            {"bank": "serial", "top": "template_bank"},
            (
                "bank must be parallel with top = template_bank: a serial one needs the engine "
                "around it"
            ),
        ),
        (small, {"bias_bits": 33}, "bias_bits must be 0 to 32, not 33"),
        (small, {"counter_bits": 8}, "counter_bits must be 16 to 64, not 8"),
        (
            small,
            {"templates": "x"},
            "templates must be auto, none or a list of kernel numbers, not 'x'",
        ),
        (
            small,
            {"templates": 3},
            "templates must be auto, none or a list of kernel numbers, not 3",
        ),
        (small, {"templates": (3,)}, "templates: kernel 3 is not one of 0..2"),
        (small, {"templates": (-1,)}, "templates: kernel -1 is not one of 0..2"),
        (small, {"templates": (True,)}, "templates: kernel True is not one of 0..2"),
        (small, {"templates": ("0",)}, "templates: kernel '0' is not one of 0..2"),
        (small, {"templates": (1,)}, "templates: kernel 1 is not -A, 0, +A with one magnitude A"),
        (
            small,
            {"layer": {"bias": np.array([0, -1, 0])}},
            "layer.bias: values -1..0 do not fit bias_bits = 0 (0..0)",
        ),
        (
            small,
            {"layer": {"bias": np.array([0, 8, 0])}, "bias_bits": 4},
            "layer.bias: values 0..8 do not fit bias_bits = 4 (-8..7)",
        ),
        (
            small,
            {
                "layer": {"scale": np.array([0, 1, 1])},
                "output": OutputConfig(kind="requantise"),
            },
            "layer.scale: values 0..1 do not fit output.scale_bits = 0 (1..1)",
        ),
        (
            small,
            {
                "layer": {"scale": np.array([0, 4, 1])},
                "output": OutputConfig(kind="requantise", scale_bits=2),
            },
            "layer.scale: values 0..4 do not fit output.scale_bits = 2 (0..3)",
        ),
    ],
)
def test_a_bad_setting_is_refused(cls, fields, message):
    assert refused(cls, **fields) == message


def test_a_scale_is_not_needed_for_exact_output():
    assert small(layer={"scale": np.array([0, 9, 1])}).scale.tolist() == [0, 9, 1]


def big_layer(kernels):
    rng = np.random.default_rng(0)
    return LayerSpec(weight=rng.integers(-256, 256, (kernels, 64, 1, 1)), input_shape=(64, 4, 4))


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
    assert refused(FoldConfig, channels=0) == "fold.channels must be at least 1, not 0"


@pytest.mark.parametrize("multipliers", [-1, 4097])
def test_lanes_have_no_fewer_multipliers_than_none(multipliers):
    expected = f"lanes.multipliers must be 0 to 4096, not {multipliers}"
    assert refused(LanesConfig, multipliers=multipliers) == expected
    assert small(strategy="direct", lanes=LanesConfig(multipliers=0)).lanes.multipliers == 0


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


def test_the_named_configurations():
    assert {"cifar10-layer1", "cifar10-layer1-plain", "mnist-layer1", "tiny"} <= set(config_names())
    for name in config_names():
        assert load_config(name).name == name


def test_settings_can_be_overridden():
    config = load_config(
        "tiny",
        assignments=[
            "table.entries=64",
            "output.kind=requantise",
            'template_scale="defer"',
            "templates = [0, 2]",
            "output.relu=true",
            "layer.weight_bits=12",
        ],
    )
    assert config.table == TableConfig(entries=64, multipliers=2)
    assert config.output == OutputConfig(kind="requantise", relu=True)
    assert config.template_scale == "defer"
    assert list(config.template_kernels) == [0, 2]
    assert config.layer.weight_format.bits == 12


def test_the_last_override_wins():
    config = load_config("tiny", assignments=["table.entries=3", "table.entries=4"])
    assert config.table.entries == 4


def test_a_model_replaces_the_layer_and_the_settings_stay():
    config = load_config("tiny", model=CONFIG_FOLDER / "cifar10-layer1.npz")
    assert config.layer.kernels == 32
    assert config.table == load_config("tiny").table


@pytest.mark.parametrize(("bias", "bits"), [([0, 0], 2), ([7, -8], 5), ([-3, 2], 3)])
def test_a_biased_layer_gets_a_bias_register(tmp_path, bias, bits):
    model = save(tmp_path, bias=bias)
    config = load_config("tiny", model=model)
    assert config.bias_bits == bits
    assert config.bias.tolist() == bias
    assert "do not fit bias_bits = 1" in refused(
        load_config, "tiny", model=save(tmp_path, bias=[1, 1]), assignments=["bias_bits=1"]
    )


def save(tmp_path, **fields):
    path = tmp_path / "model.npz"
    weight = np.array([[[[1, 2]]], [[[1, 1]]]])
    np.savez(path, **{"weight": weight, "input_shape": [1, 2, 4]} | fields)
    return path


def test_a_kernel_of_one_cell_is_learned(tmp_path):
    model = save(tmp_path, weight=np.array([[[[5]]], [[[0]]]]))
    config = load_config("tiny", model=model)
    assert config.learned == (0, 1)


def test_only_templates(tmp_path):
    config = load_config("tiny", model=save(tmp_path, weight=np.array([[[[1, 1]]]])))
    assert config.learned == ()
    assert config.learned_weight.shape == (0, 1, 1, 2)


def test_your_own_file_finds_its_layer_beside_it(tmp_path):
    shutil.copy(CONFIG_FOLDER / "tiny.npz", tmp_path / "mine.npz")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[layer]\nfile = "mine.npz"\n')
    config = load_config(str(path))
    assert config.name == "mine"
    assert config.layer.digest() == load_config("tiny").layer.digest()
    assert config.table == TableConfig()


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["table.entries"], "--set table.entries: expected key=value"),
        (["name.x=1"], "--set name.x=1: name is not a table"),
        (
            ["table.entires=4"],
            (
                "unknown key table.entires; known: table.digit_bits, table.entries, "
                "table.look_ahead, table.multipliers, table.organisation, table.replacement, "
                "table.ways"
            ),
        ),
        (["layer.path=4"], "unknown key layer.path; known: layer.file, layer.weight_bits"),
        (
            ["tabel.entries=4"],
            (
                "unknown key tabel; known: auto, bank, bias_bits, counter_bits, fold, lanes, "
                "layer, name, output, protection, strategy, table, template_scale, templates, top"
            ),
        ),
        (["table=4"], "table must be a table"),
        (["layer=4"], "layer must be a table"),
        (["table.entries=four"], "table.entries must be of type int, not 'four'"),
        (["table.entries=true"], "table.entries must be of type int, not True"),
        (["table.entries=4.0"], "table.entries must be of type int, not 4.0"),
        (["output.relu=1"], "output.relu must be of type bool, not 1"),
        (["bias_bits=x"], "bias_bits must be of type int, not 'x'"),
        (["name=3"], "name must be of type str, not 3"),
        (["layer.weight_bits=wide"], "layer.weight_bits must be of type int, not 'wide'"),
        (["layer.file=3"], "layer.file must be of type str, not 3"),
        (["table.entries=1300"], "table.entries must be 1 to 1024, not 1300"),
        (["templates=4"], "templates must be auto, none or a list of kernel numbers, not 4"),
        (["templates=[9]"], "templates: kernel 9 is not one of 0..5"),
        (["output.kind=[]"], "output.kind must be exact or requantise, not []"),
    ],
)
def test_a_bad_override_is_refused(assignments, message):
    where = f"{CONFIG_FOLDER / 'tiny.toml'} with --set {' '.join(assignments)}"
    assert refused(load_config, "tiny", assignments=assignments) == f"{where}: {message}"


def test_bad_layer_settings_name_the_layer_file():
    where = CONFIG_FOLDER / "tiny.npz"
    message = refused(load_config, "tiny", assignments=["layer.weight_bits=0"])
    assert message == f"{where}: weight_bits must be 4 to 16, not 0"
    message = refused(load_config, "tiny", assignments=["layer.weight_bits=4"])
    assert message.startswith(f"{where}: weight: values ")
    message = refused(load_config, "tiny", assignments=["layer.file=none.npz"])
    assert message == f"{CONFIG_FOLDER / 'none.npz'}: no such layer file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a readable TOML file: Invalid value"),
        ('[layer]\nfile = "x.npz"\n', "missing key name"),
        ('name = "x"\n', "missing key layer.file, and no --model was given"),
        ('name = "x"\nsize = 3\n', "unknown key size; known: "),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert refused(load_config, str(path)).startswith(f"{path}: {message}")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe")
    assert refused(load_config, str(path)).startswith(f"{path}: not a readable TOML file: ")


def test_a_configuration_that_is_not_there(tmp_path):
    assert refused(load_config, "tin") == (
        f"unknown configuration 'tin'; known: {', '.join(config_names())}, or the path of a .toml "
        "file"
    )
    path = str(tmp_path / "none.toml")
    assert refused(load_config, path) == f"{path}: no such configuration file"


def test_the_options_of_every_command():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    model = CONFIG_FOLDER / "mnist-layer1.npz"
    arguments = ["--config", "tiny", "--model", str(model)]
    arguments += ["--set", "table.entries=4", "--set", "table.multipliers=1"]
    config = from_arguments(parser.parse_args(arguments))
    assert config.table == TableConfig(entries=4, multipliers=1)
    assert config.layer.input_shape == (1, 28, 28)
