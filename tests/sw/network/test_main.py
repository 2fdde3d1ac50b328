"""``python -m sw.network``: what it prints of a model, and its comparison with onnxruntime."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sw.network import __main__ as command
from sw.network import measure
from sw.network.onnx_import import import_network
from sw.network.reference import run
from tests.sw.network.test_onnx_import import small, words

BREVITAS = Path(__file__).parent / "brevitas"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(6)
    small(rng).save(tmp_path / "net.onnx")
    np.save(tmp_path / "in.npy", words(rng, (11, 2, 9, 8)))
    return tmp_path


def test_a_network_and_its_comparison(folder, capsys):
    options = ["--images", str(folder / "in.npy"), "--json", str(folder / "out.json")]
    assert command.main(["--model", str(folder / "net.onnx"), *options]) == 0
    printed = capsys.readouterr().out
    assert "images 2x9x8, 0..255; 6,924 multiplications a frame" in printed
    assert "every integer is what the file says, for every input" in printed
    assert "conv2: 0 of 132 values differ from onnxruntime's, by at most 0, in 0 of 11" in printed
    assert "logits: 0 of 77 values differ from onnxruntime's" in printed
    written = json.loads((folder / "out.json").read_text())
    assert [layer["layer"] for layer in written["layers"]] == [
        "conv1", "pool1", "conv2", "dense1", "argmax",
    ]  # fmt: skip
    assert written["digest"] == import_network(folder / "net.onnx").network.digest
    assert written["differences"] == []


def test_a_difference_that_was_not_foretold_is_status_1(folder, capsys, monkeypatch):
    """Planted: a layer whose weights are other than the file's."""
    found = import_network(folder / "net.onnx")
    first, *rest = found.network.layers
    spec = replace(first.spec, weight=np.clip(first.spec.weight + 3, -128, 127))
    network = replace(found.network, layers=(replace(first, spec=spec), *rest))
    monkeypatch.setattr(command, "import_network", lambda _: replace(found, network=network))
    images = ["--images", str(folder / "in.npy")]
    assert command.main(["--model", str(folder / "net.onnx"), *images]) == 1
    printed = capsys.readouterr().out
    assert "conv1: 0 of" not in printed
    assert "logits: 0 of" not in printed


def test_images_are_compared_in_parts(folder, capsys, monkeypatch):
    monkeypatch.setattr(measure, "_IMAGES_AT_ONCE", 4)
    options = ["--images", str(folder / "in.npy")]
    assert command.main(["--model", str(folder / "net.onnx"), *options]) == 0
    printed = capsys.readouterr().out
    assert "conv2: 0 of 132 values differ" in printed
    assert "logits: 0 of 77 values differ from onnxruntime's, by at most 0, in 0 of 11" in printed


def test_what_is_not_exact_is_printed(capsys):
    assert command.main(["--model", str(BREVITAS / "qcdq-normalised.onnx")]) == 0
    printed = capsys.readouterr().out
    assert "layer conv1: kernels 0, 1, 2, 3 (4 in all) differ for 1" in printed
    assert "layer dense1: its bias is no whole number of its sums' unit" in printed
    assert "every integer" not in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "missing.onnx"], "missing.onnx: no such model file"),
        (["--model", str(BREVITAS / "qonnx-plain.onnx"), "--images", "samples:mnist"],
         "samples:mnist: shape: expected (N, 1, 12, 12)"),
        (["--model", "sw/models/mnist-net.onnx", "--images", "samples:cifar10"], "samples:cifar10"),
    ],
)  # fmt: skip
def test_bad_input_is_status_2(options, message, capsys):
    assert command.main(options) == 2
    assert message in capsys.readouterr().err


def test_what_onnxruntime_cannot_run_is_said(tmp_path, capsys):
    np.save(tmp_path / "in.npy", np.zeros((1, 1, 12, 12), np.uint8))
    options = ["--images", str(tmp_path / "in.npy")]
    assert command.main(["--model", str(BREVITAS / "qonnx-plain.onnx"), *options]) == 2
    assert "onnxruntime cannot run it" in capsys.readouterr().err


def test_accuracy_and_zeros(folder, capsys):
    """Of labels that are the golden network's, but for three."""
    network = import_network(folder / "net.onnx").network
    labels = run(np.load(folder / "in.npy"), network).label
    assert labels is not None
    labels[:3] = (labels[:3] + 1) % 7
    np.save(folder / "y.npy", labels)
    (folder / "run.json").write_text('{"result": {"top1": 71.5}}')
    options = ["--images", str(folder / "in.npy"), "--labels", str(folder / "y.npy")]
    options += ["--float", str(folder / "run.json"), "--json", str(folder / "out.json")]
    assert command.main(["--model", str(folder / "net.onnx"), *options]) == 0
    printed = capsys.readouterr().out
    for name in ("golden model", "onnxruntime"):
        assert f"accuracy, {name}: 8 of 11 images right, 72.73 %" in printed
    assert "accuracy, float model: 71.50 %" in printed
    written = json.loads((folder / "out.json").read_text())
    assert written["accuracy"]["golden model"] == {"right": 8, "images": 11}
    first = written["zeros"][0]
    assert first["layer"] == "conv1"
    assert first["values"] == 11 * 2 * 9 * 8
    assert f"conv1: {100 * first['zeros'] / first['values']:.1f} % of the values" in printed


@pytest.mark.parametrize("wrong", [None, "logits", "label"])
def test_outputs_that_were_given(folder, capsys, wrong):
    """Those of the golden network, or with one value changed."""
    network = import_network(folder / "net.onnx").network
    arrays = run(np.load(folder / "in.npy"), network).arrays
    if wrong:
        arrays[wrong][3] += 1
    np.savez(folder / "out.npz", allow_pickle=False, **arrays)
    options = ["--images", str(folder / "in.npy"), "--outputs", str(folder / "out.npz")]
    assert command.main(["--model", str(folder / "net.onnx"), *options]) == int(wrong is not None)
    count = {None: 0, "logits": 7, "label": 1}[wrong]
    assert f"out.npz: {count} of 88 values differ from onnxruntime's" in capsys.readouterr().out


def test_samples_say_what_is_on_them(capsys):
    options = ["--images", "samples:mnist:50"]
    assert command.main(["--model", "sw/models/mnist-net.onnx", *options]) == 0
    assert "accuracy, golden model: 50 of 50 images right, 100.00 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "y.npy"], "--labels, --outputs, --float: they go with --images"),
        (["--images", "in.npy", "--labels", "none.npy"], "none.npy: no such file of labels"),
        (["--images", "in.npy", "--labels", "in.npy"], "in.npy: expected 11 integers"),
        (["--images", "in.npy", "--float", "net.onnx"], "net.onnx: expected a training run's"),
        (["--images", "in.npy", "--outputs", "net.onnx"], "net.onnx: expected logits and label of"),
    ],
)
def test_labels_that_cannot_be_used(folder, capsys, monkeypatch, options, message):
    monkeypatch.chdir(folder)
    assert command.main(["--model", "net.onnx", *options]) == 2
    assert message in capsys.readouterr().err
