"""Files of engine configurations: overrides, layers, and what is refused."""

import argparse
import shutil

import numpy as np
import pytest

from sw.configfile import CONFIG_FOLDER, add_arguments, config_names, from_arguments, load_config
from sw.part_configs import OutputConfig, TableConfig
from tests.sw.configs import refused


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
