"""The pages on networks name every operator, key and limit, and nothing else."""

import dataclasses
import re
import tomllib

import numpy as np
import pytest

from sw.network import onnx_file
from sw.network.config import LayerSettings
from sw.network.configfile import load_network, network_names
from sw.network.onnx_operators import HANDLERS
from tests.docs.test_reference import DOCS, first_column, section
from tests.sw.network.test_hostile import one_conv

QUANTISERS = {"QuantizeLinear", "DequantizeLinear", "Quant", "IntQuant"}


def test_every_operator_is_named():
    named = first_column(section("user/network.md", "What a model may be"))
    taken = {name for name in named if name in HANDLERS}
    assert taken == HANDLERS.keys() - QUANTISERS


def test_keys_of_a_configuration():
    named = first_column(section("reference/formats.md", "Network configuration"))
    of_layers = {name.rpartition(".")[2] for name in named if name.startswith(("layers.", "."))}
    assert of_layers == {field.name for field in dataclasses.fields(LayerSettings)}
    keys = {"name", "model", "rate", "board", "clock_mhz", "counter_bits"}
    assert {name for name in named if "." not in name} == keys


def test_the_example_of_a_configuration(tmp_path):
    text = re.search(
        r"```toml\n(.*?)```", section("reference/formats.md", "Network configuration"), re.DOTALL
    )
    assert text
    built = one_conv()
    built.node("Flatten").gemm(np.ones((3, 2 * 6 * 6), np.int8), 2.0**-7)
    built.save(tmp_path / "mine.onnx")
    (tmp_path / "mine.toml").write_text(text[1])
    config = load_network(str(tmp_path / "mine.toml"))
    settings = tomllib.loads(text[1])["layers"]
    assert config.layers.keys() == settings.keys()
    assert config.layers["conv1"].strategy == settings["conv1"]["strategy"]


@pytest.mark.parametrize("page", ["user/network.md", "reference/formats.md"])
def test_limits_of_a_file(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert f"{onnx_file.MAX_FILE_BYTES >> 20} MiB" in text
    assert f"{onnx_file.MAX_NODES:,} nodes" in text
    assert f"{onnx_file.MAX_ELEMENTS:,}" in text


def test_named_networks_are_named():
    text = (DOCS / "user/network.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in network_names())
