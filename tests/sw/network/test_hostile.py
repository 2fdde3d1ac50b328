"""Damaged and hostile model files: one clear error, soon, and never a crash."""

import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sw.network.graph import NetworkError
from sw.network.onnx_import import import_network
from sw.reference import main
from tests.sw.network.models import Builder
from tests.sw.network.test_onnx_import import small

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
MODEL = small(np.random.default_rng(3)).node("Softmax").node("ArgMax", axis=1).model()
BYTES = MODEL.SerializeToString()


def imported(path, content):
    """Import a file's content; whatever is wrong must be a NetworkError that names the file."""
    path.write_bytes(content)
    start, message = time.process_time(), f"{path}: "
    try:
        import_network(path)
    except NetworkError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert len(message) < 1000
    assert message.isprintable()
    assert message.count("node ") <= 1
    assert time.process_time() - start < 5


def test_the_whole_file_is_fine(tmp_path):
    (tmp_path / "net.onnx").write_bytes(BYTES)
    assert import_network(tmp_path / "net.onnx").network.classifies


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.lists(st.tuples(st.integers(0, len(BYTES) - 1), st.integers(1, 255)), max_size=4))
def test_flipped_bytes(tmp_path, flips):
    content = bytearray(BYTES)
    for place, change in flips:
        content[place] ^= change
    imported(tmp_path / "net.onnx", bytes(content))


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, len(BYTES)), st.integers(0, 40), st.binary(max_size=40))
def test_cut_and_filled_files(tmp_path, place, missing, filling):
    imported(tmp_path / "net.onnx", BYTES[:place] + filling + BYTES[place + missing :])


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, len(BYTES) - 1))
def test_cut_files(tmp_path, length):
    imported(tmp_path / "net.onnx", BYTES[:length])


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_changed_fields(tmp_path, data):
    """Well-formed files whose numbers, names and lists are others."""
    model = onnx.ModelProto.FromString(BYTES)
    for _ in range(data.draw(st.integers(1, 3))):
        change_field(model, data.draw)
    imported(tmp_path / "net.onnx", model.SerializeToString())


NUMBERS = st.sampled_from([0, -1, 1, 2, 3, 7, 255, 4096, 1 << 20, (1 << 31) - 1, -(1 << 62)])
FLOATS = st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1e-45, 3e38, 1.0, 0.3])


def change_field(model, draw):
    graph = model.graph
    match draw(st.integers(0, 7)):
        case 0:
            node = draw(st.sampled_from(list(graph.node)))
            node.op_type = draw(st.sampled_from(sorted({n.op_type for n in graph.node} | {"Add"})))
        case 1:
            node = draw(st.sampled_from([n for n in graph.node if n.attribute]))
            attribute = draw(st.sampled_from(list(node.attribute)))
            change_attribute(attribute, draw)
        case 2:
            node = draw(st.sampled_from(list(graph.node)))
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(
                st.sampled_from(
                    [i.name for i in graph.initializer] + [n.output[0] for n in graph.node]
                )
            )
        case 3:
            tensor = draw(st.sampled_from(list(graph.initializer)))
            tensor.data_type = draw(st.integers(0, 25))
        case 4:
            tensor = draw(st.sampled_from(list(graph.initializer)))
            tensor.dims.append(draw(NUMBERS))
        case 5:
            tensor = draw(st.sampled_from([t for t in graph.initializer if t.data_type == 1]))
            shape = draw(st.sampled_from([(), (1,), (2,), (1, 1, 1, 1), (0,)]))
            values = np.full(shape, draw(FLOATS), np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        case 6:
            dim = draw(st.sampled_from(list(graph.input[0].type.tensor_type.shape.dim)))
            dim.dim_value = draw(NUMBERS)
        case _:
            place = draw(st.integers(0, len(graph.node) - 1))
            del graph.node[place]


def change_attribute(attribute, draw):
    if draw(st.booleans()):
        attribute.type = draw(st.integers(0, 14))
    elif attribute.ints:
        attribute.ints[draw(st.integers(0, len(attribute.ints) - 1))] = draw(NUMBERS)
    else:
        attribute.i = draw(NUMBERS)


def one_conv(**changes):
    """A model of one convolution; ``changes`` to what the builder is told."""
    given = {
        "weight": np.ones((2, 1, 3, 3), np.int8),
        "scale": 2.0**-7,
        "dims": None,
        "attributes": {},
        "input_scale": 2.0**-8,
    } | changes
    built = Builder((1, 8, 8), dims=given["dims"]).quantise(given["input_scale"])
    return built.conv(given["weight"], given["scale"], **given["attributes"]).quantise(2.0**-3)


def tensor(model, prefix):
    return next(t for t in model.graph.initializer if t.name.startswith(prefix))


def external(model):
    found = tensor(model, "w_")
    found.ClearField("raw_data")
    found.data_location = TensorProto.EXTERNAL
    found.external_data.add(key="location", value="/etc/passwd")


def enormous(model):
    tensor(model, "w_").dims[:] = [1 << 20, 1 << 20, 1 << 20]


def cycle(model):
    model.graph.node[-1].output[0] = "input"


def loop(model):
    """The last node leads back into the middle."""
    first, last = model.graph.node[2], model.graph.node[-1]
    first.input[0] = last.output[0]


def branch(model):
    last = model.graph.node[-1].output[0]
    model.graph.node.append(helper.make_node("Add", [last, model.graph.node[1].output[0]], ["sum"]))
    model.graph.output[0].name = "sum"


def two_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def unknown(model):
    model.graph.node[3].op_type = "NonMaxSuppression"


def no_nodes(model):
    del model.graph.node[:]


def function(model):
    model.functions.add(name="mine", domain="me")


MODELS = {
    "external data": (external, "which is not opened"),
    "enormous": (enormous, "too many values"),
    "cycle": (cycle, "output input is made twice"),
    "loop": (loop, "input 1 must be a constant"),
    "branch": (branch, "without branches"),
    "two inputs": (two_inputs, "expected one input and one output, found 2 and 1"),
    "unknown": (unknown, "(NonMaxSuppression): the operator is not supported (supported are Add"),
    "no nodes": (no_nodes, "there are no nodes"),
    "function": (function, "functions of a model's own are not supported"),
}


@pytest.mark.parametrize("case", MODELS)
def test_hostile_models(tmp_path, case):
    change, message = MODELS[case]
    model = one_conv().model()
    change(model)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(NetworkError) as refusal:
        import_network(tmp_path / "net.onnx")
    assert message in str(refusal.value)


BUILT = {
    "scale of 0": ({"input_scale": 0.0}, "the scale: expected positive numbers, 2**-40 to"),
    "scale of nan": ({"scale": np.nan}, "the scale: expected finite numbers"),
    "scale below 0": ({"scale": -1.0}, "the scale: expected positive numbers, 2**-40 to"),
    "images of no size": ({"dims": ["N", 1, "H", "W"]}, "(?, 1, ?, ?); expected (N, C, H, W) with"),
    "images of three dims": ({"dims": [1, 8, 8]}, "(1, 8, 8); expected (N, C, H, W)"),
    "images too large": ({"dims": ["N", 1, 1 << 20, 8]}, "are too large"),
    "grouped": ({"attributes": {"group": 2}}, "group = 2: grouped and depthwise"),
    "dilated": ({"attributes": {"dilations": [2, 2]}}, "dilations must be 1 (a larger kernel"),
    "stride": ({"attributes": {"strides": [1 << 40, 1]}}, "strides [1099511627776, 1]"),
    "stride of 5": ({"attributes": {"strides": [5, 5]}}, "stride must be 1 to 4, not 5"),
    "padding": ({"attributes": {"pads": [-1, 0, 0, 0]}}, "pads [-1, 0, 0, 0]: expected four"),
    "kernel shape": ({"attributes": {"kernel_shape": [2, 3]}}, "kernel_shape [2, 3] is not that"),
    "1-D": ({"weight": np.ones((2, 1, 3), np.int8)}, "3 dimensions; only 2-D is built"),
    "channels": ({"weight": np.ones((2, 3, 3, 3), np.int8)}, "its weights take 3 channels"),
    "kernel of 9": ({"weight": np.ones((2, 1, 9, 9), np.int8)}, "kernel height must be 1 to 7"),
    "frame too small": (
        {"dims": ["N", 1, 2, 2]}, "the padded frame 2x2 is smaller than the kernel 3x3",
    ),
    "no kernels": ({"weight": np.ones((0, 1, 3, 3), np.int8)}, "its weights are empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BUILT)
def test_what_is_not_supported_names_the_node(tmp_path, case):
    changes, message = BUILT[case]
    path = one_conv(**changes).save(tmp_path / "net.onnx")
    with pytest.raises(NetworkError) as refusal:
        import_network(path)
    assert message in str(refusal.value)
    assert "node " in str(refusal.value)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1536 << 20,) * 2)
from sw.reference import main
sys.exit(main(["--config", sys.argv[1], "--images", "samples:mnist", "--out", sys.argv[2]]))
"""


@pytest.mark.parametrize("case", ["enormous", "wide"])
def test_memory_and_time_are_bounded(tmp_path, case):
    """In a process with 1.5 GiB, and in seconds: status 2."""
    if case == "enormous":
        model = one_conv().model()
        enormous(model)
    else:  # as many thresholds as there can be, of 256 kernels, and a scale a kernel
        scale = np.geomspace(1e-6, 1e-4, 256).astype(np.float32)
        weight = np.random.default_rng(1).integers(-127, 127, (256, 1, 7, 7)).astype(np.int8)
        built = Builder((1, 8, 8)).quantise(2.0**-8).conv(weight, scale)
        model = built.quantise(1e-7, 0, np.dtype(np.uint16)).model()
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "net.toml").write_text('model = "net.onnx"\n')
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "net.toml"), str(tmp_path / "o.npz")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 2, found.stderr
    assert "Traceback" not in found.stderr


def test_a_file_too_large(tmp_path):
    with (tmp_path / "net.onnx").open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(NetworkError, match="4294967296 bytes; model files have at most"):
        import_network(tmp_path / "net.onnx")


def test_the_command_ends_with_status_2(tmp_path, capsys):
    (tmp_path / "net.onnx").write_bytes(BYTES[:200])
    (tmp_path / "net.toml").write_text('model = "net.onnx"\n')
    out = tmp_path / "out.npz"
    options = {"config": tmp_path / "net.toml", "images": "samples:mnist", "out": out}
    assert main([f"--{name}={value}" for name, value in options.items()]) == 2
    assert f"{tmp_path / 'net.onnx'}: " in capsys.readouterr().err
    assert not out.exists()
