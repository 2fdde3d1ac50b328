"""The command from floats to files: the same bytes each time, and an engine that takes them."""

import json

import numpy as np
import onnx
import pytest

from sw.configfile import load_config
from sw.data import load_samples
from sw.reference import run as engine_outputs

from .runs import run

BASE = ("mnist", "--samples", "--templates", "lbp", "--fixed", "3", "--stages", "4p,4p")
NAME = "mnist-4p-4p-plain-lbp-f3-s0-int8"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    result = run(*BASE, "--epochs", "2", "--out", str(folder))
    assert result.returncode == 0, result.stderr
    return folder


def quantised(base, folder):
    words = ("--format", "int8", "--epochs", "1", "--base", str(base), "--out", str(folder))
    return run(*BASE, *words)


@pytest.fixture(scope="module")
def twice(base, tmp_path_factory):
    """The folders of two equal runs."""
    folders = [tmp_path_factory.mktemp("int8") for _ in range(2)]
    for folder in folders:
        result = quantised(base, folder)
        assert result.returncode == 0, result.stderr
    return folders


def test_the_same_seed_gives_the_same_files(twice):
    names = {path.name for path in twice[0].iterdir()}
    assert {f"{NAME}.onnx", f"{NAME}-layer1.npz", f"{NAME}-layer1.toml"} < names
    for name in names - {"run.json", "checkpoint.pt", f"{NAME}.onnx"}:
        assert (twice[0] / name).read_bytes() == (twice[1] / name).read_bytes(), name
    models = [onnx.load(folder / f"{NAME}.onnx") for folder in twice]
    for model in models:
        del model.metadata_props[:]  # the command names the folder
    assert models[0] == models[1]


def test_the_model_says_what_made_it(twice):
    record = json.loads((twice[0] / "run.json").read_text())
    found = {p.key: p.value for p in onnx.load(twice[0] / f"{NAME}.onnx").metadata_props}
    assert found["command"] == record["command"]
    assert found["top1"] == f"{record['result']['top1']:.2f}"


def test_the_first_layer_is_an_engine_with_its_templates(twice):
    config = load_config(str(twice[0] / f"{NAME}-layer1.toml"))
    assert len(config.template_kernels) == 3
    y = engine_outputs(load_samples("mnist").images[:3].astype(np.int64), config)
    assert y.shape == (3, 4, 26, 26)
    assert 0 == y.min() < y.max() <= 255


def test_a_base_of_another_network_is_refused(base, tmp_path):
    result = run(
        *BASE[:-1], "5p,4p", "--format", "int8", "--base", str(base), "--out", str(tmp_path / "out")
    )
    assert result.returncode == 2
    assert "not a model of this network" in result.stderr
    assert not (tmp_path / "out").exists()
