"""Quantised networks: the same integers in training, in NumPy, in onnxruntime and in our files."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from sw import reference
from sw.cli import InputError
from sw.configfile import load_config
from sw.templates import find_templates, hlac25
from sw.train.build import build
from sw.train.data import to_input
from sw.train.export import exported
from sw.train.integers import IntegerLayer
from sw.train.loop import Trainer, prepare_torch
from sw.train.networks import first_convolution
from sw.train.options import Options
from sw.train.quantise import integers_of
from sw.train.store import MODEL, model_bytes
from sw.train.templating import kernels_of

KINDS = [("mnist", "int8"), ("mnist", "fixed8"), ("cifar10", "int8"), ("cifar10", "fixed8")]
STAGES = {"mnist": "27p,5,7p", "cifar10": "28p,6p,5"}
"""27 and 28 kernels: HLAC-25, and some that are learned."""


def trained(options, data):
    prepare_torch(options)
    trainer = Trainer(build(options), options, data, data)
    while not trainer.finished:
        trainer.epoch()
    return trainer


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def quantised(request, digits, photographs, tmp_path_factory):
    """A tiny network trained in floats, then on in a format: data, options, trainer."""
    name, format_name = request.param
    data = {"mnist": digits, "cifar10": photographs}[name]
    usual = {"templates": "hlac25", "stages": STAGES[name], "batch": 20}
    folder = tmp_path_factory.mktemp("base")
    base = trained(Options.of(name, **usual, epochs=4), data)
    (folder / MODEL).write_bytes(model_bytes(base.network))
    options = Options.of(name, **usual, epochs=2, format=format_name, base=str(folder))
    return data, options, trained(options, data), base


@pytest.fixture(scope="module")
def files(quantised):
    _, options, trainer, _ = quantised
    return exported(trainer.network, options, "a command", trainer.metrics[-1])


def onnx_of(files):
    return next(content for name, content in files.items() if name.endswith(".onnx"))


def run_onnx(content, images, optimise):
    """The integers of every layer, by names, and the logits."""
    model = onnx.load_from_string(content)
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            info = helper.make_tensor_value_info(node.output[0], TensorProto.UINT8, None)
            model.graph.output.append(info)
    level = onnxruntime.GraphOptimizationLevel
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    # Else processors without VNNI would saturate sums of two products at 16 bits.
    settings.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    found = session.run(None, {"image": images.astype(np.float32) / 256})
    return dict(zip([value.name for value in session.get_outputs()], found, strict=True))


def test_it_still_knows_its_images(quantised):
    _, _, trainer, base = quantised
    assert trainer.metrics[-1]["top1"] > base.metrics[-1]["top1"] - 5


@pytest.mark.parametrize("optimise", [False, True], ids=["as written", "optimised"])
def test_onnxruntime_has_the_same_integers_in_every_layer(quantised, files, optimise):
    data, _, trainer, _ = quantised
    images = data.images[:60]
    integers = integers_of(trainer.network)
    found = run_onnx(onnx_of(files), images, optimise)
    *hidden, logits = integers.run(images)
    assert np.array_equal(found["input.integers"], images)
    for number, (layer, ours) in enumerate(zip(integers.layers, hidden, strict=False), start=1):
        name = f"layer{number}.pooled.integers" if layer.pool else f"layer{number}.integers"
        assert np.array_equal(found[name], ours), name
        assert 3 < ours.max() <= 255
    last = integers.layers[-1]
    assert np.array_equal(found["logits"], logits * np.exp2(-last.frac - last.input_frac))


def test_training_sees_what_the_integers_give(quantised):
    data, _, trainer, _ = quantised
    images = data.images[:60]
    with torch.no_grad():
        inputs = to_input(images.transpose(0, 2, 3, 1))
        real = trainer.network.eval()(inputs).numpy()
    integers = integers_of(trainer.network)
    last = integers.layers[-1]
    logits = integers.run(images)[-1] * np.exp2(-last.frac - last.input_frac)
    assert np.array_equal(real.astype(np.float64), logits)


def test_the_layer_file_and_its_configuration_give_the_first_layer(quantised, files, tmp_path):
    data, options, trainer, _ = quantised
    for name, content in files.items():
        text = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(text)
    config = load_config(str(tmp_path / f"{options.title}-layer1.toml"))
    first = integers_of(trainer.network).layers[0]
    unpooled = IntegerLayer(**{**vars(first), "pool": False})
    images = data.images[:20].astype(np.int64)
    assert np.array_equal(reference.run(images, config), unpooled.run(images))


def test_templates_stay_two_valued(quantised):
    _, options, trainer, base = quantised
    weight = integers_of(trainer.network).layers[0].weight
    found = find_templates(weight[:25])
    magnitude = {"int8": 1, "fixed8": {"mnist": 256, "cifar10": 148}[options.data]}[options.format]
    assert {template.magnitude for template in found} == {magnitude}
    for template, mask in zip(found, hlac25(), strict=True):
        assert np.array_equal(template.pattern, np.repeat(mask[None], weight.shape[1], axis=0))
    learned = kernels_of(first_convolution(base.network))[25:]
    assert not np.array_equal(weight[25:], np.rint(learned * 256))


def test_weights_fit_their_format(quantised, files):
    _, options, _, _ = quantised
    model = onnx.load_from_string(onnx_of(files))
    kinds = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    for name, values in kinds.items():
        if name.endswith("weight.integers"):
            expected = {"int8": (np.int8,), "fixed8": (np.int8, np.int16)}[options.format]
            assert values.dtype in expected
            units = kinds[name.replace("integers", "unit")]
            assert (np.log2(units) == np.rint(np.log2(units))).all()
            if options.format == "int8":
                assert -127 <= values.min() < -30 or np.abs(values).max() == 1
    assert {p.key: p.value for p in model.metadata_props}["command"] == "a command"


def test_the_same_integers_give_the_same_bytes(quantised, files):
    _, options, trainer, _ = quantised
    assert exported(trainer.network, options, "a command", trainer.metrics[-1]) == files


def test_a_sum_that_float32_could_not_hold():
    row = {"bias": np.zeros(1, np.int64), "frac": np.zeros(1, np.int64), "input_frac": 8}
    IntegerLayer(weight=np.full((1, 518), 127), **row)
    with pytest.raises(ValueError, match="an accumulator may reach 16807815, above 16777216"):
        IntegerLayer(weight=np.full((1, 519), 127), **row)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "int4"}, "format must be one of float, fixed8, int8, not 'int4'"),
        ({"format": "int8"}, "need base, a finished run's folder or model"),
        ({"format": "int8", "base": "x", "system": "pow2"}, "format int8 needs system plain"),
        ({"stages": "16x"}, "stages must be kernels of 1 to 999"),
        ({"stages": "0p"}, "stages must be kernels of 1 to 999"),
    ],
)
def test_options_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        Options.of("mnist", **changes)


def test_a_base_with_other_templates(tmp_path):
    usual = {"fixed": 4, "stages": "5p,2p"}
    (tmp_path / MODEL).write_bytes(
        model_bytes(build(Options.of("mnist", templates="lbp", **usual)))
    )
    build(Options.of("mnist", templates="lbp", format="int8", base=str(tmp_path), **usual))
    with pytest.raises(InputError, match="has other templates than hlac25; name those that it was"):
        build(Options.of("mnist", templates="hlac25", format="int8", base=str(tmp_path), **usual))


def test_a_frame_that_is_used_up():
    with pytest.raises(InputError, match="nothing is left of the frame after stage 4"):
        build(Options.of("mnist", stages="2p,2p,2p,2p"))
