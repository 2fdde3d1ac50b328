"""``python -m sw.reference`` on networks: the files it writes, and what it refuses."""

import json

import numpy as np
import pytest

from sw.network.compare import onnxruntime_tensors
from sw.network.onnx_import import import_network
from sw.reference import main
from tests.sw.network.test_onnx_import import small, words


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(4)
    small(rng).save(tmp_path / "net.onnx")
    (tmp_path / "net.toml").write_text('name = "net"\nmodel = "net.onnx"\n')
    np.save(tmp_path / "in.npy", words(rng, (30, 2, 9, 8)))
    return tmp_path


def command(folder, **changes):
    options = {
        "config": folder / "net.toml",
        "images": folder / "in.npy",
        "out": folder / "out.npz",
        "json": folder / "counters.json",
    } | changes
    return main([f"--{name}={value}" for name, value in options.items() if value is not None])


def test_logits_and_labels_are_onnxruntimes(folder):
    assert command(folder) == 0
    found = np.load(folder / "out.npz")
    assert sorted(found.files) == ["label", "logits"]
    imported = import_network(folder / "net.onnx")
    images = np.load(folder / "in.npy")
    values, output = onnxruntime_tensors(folder / "net.onnx", imported, images)
    logits = np.rint(values[output] / imported.output_scale) + 3
    assert found["logits"].dtype == found["label"].dtype == np.int64
    assert np.array_equal(found["logits"], logits)
    assert np.array_equal(found["label"], logits.argmax(axis=1))
    counters = json.loads((folder / "counters.json").read_text())
    layers = {name: layer["multiplications_needed"] for name, layer in counters["layers"].items()}
    assert layers == {
        "conv1": 30 * 90 * 72, "pool1": 0, "conv2": 30 * 120 * 3, "dense1": 30 * 84,
    }  # fmt: skip
    assert counters["layers"]["pool1"]["steps"] == 30 * 4 * 4 * 4 * 5  # windows, cells, channels
    assert counters["layers"]["pool1"]["waits"] is None
    assert counters["frames"] == 30
    assert counters["cycles"] is None
    assert counters["multiplications_needed"] == sum(layers.values())


def test_a_model_that_replaces_the_configurations(folder):
    assert command(folder) == 0
    first = np.load(folder / "out.npz")["logits"]
    small(np.random.default_rng(5)).save(folder / "other.onnx")
    assert command(folder, model=folder / "other.onnx") == 0
    assert not np.array_equal(np.load(folder / "out.npz")["logits"], first)


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (lambda f: np.save(f / "in.npy", np.zeros((3, 1, 9, 8), np.uint8)), {},
         "in.npy: shape: expected (N, 2, 9, 8), the input of net, got (3, 1, 9, 8)"),
        (lambda f: np.save(f / "in.npy", np.full((3, 2, 9, 8), 256)), {},
         "in.npy: values: expected 0..255 (8 unsigned bits), got 256..256"),
        (lambda f: (f / "net.onnx").write_bytes(b"hello"), {}, "net.onnx: not an ONNX file"),
        (lambda _: None, {"model": "missing.onnx"}, "missing.onnx: no such model file"),
        (lambda _: None, {"config": "tiny", "model": "net.onnx"}, "is the model of a network"),
    ],
)  # fmt: skip
def test_bad_input_is_status_2_and_writes_nothing(folder, capsys, make, changes, message):
    make(folder)
    assert command(folder, **changes) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out.npz").exists()
    assert not (folder / "counters.json").exists()
