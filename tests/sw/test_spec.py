"""Layers and layer files: what they derive, and what is refused with which message."""

import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sw.numeric import FixedFormat, IntRange
from sw.spec import LayerSpec, Padding, SpecError, load_layer, save_layer
from tests.strategies import layers


def layer(**changes):
    fields = {"weight": np.ones((2, 3, 3, 3), np.int64), "input_shape": (3, 8, 9)}
    return LayerSpec(**fields | changes)


def weights(*shape):
    return np.ones(shape, np.int64)


@given(layers())
def test_output_shapes_count_the_windows_that_fit(found):
    _, rows, columns = found.output_shape
    starts = [
        range(0, side - kernel + 1, stride)
        for side, kernel, stride in zip(
            found.padded_shape, found.kernel_shape, found.stride, strict=True
        )
    ]
    assert (rows, columns) == tuple(map(len, starts))
    assert found.multiplications_needed == found.weight.size * rows * columns


def test_derived_sizes():
    found = layer(padding=Padding.of([1, 2, 3, 0]), stride=(2, 1))
    assert (found.kernels, found.channels, found.kernel_shape, found.taps) == (2, 3, (3, 3), 9)
    assert found.padded_shape == (8 + 1 + 3, 9 + 2 + 0)
    assert found.output_shape == (2, 5, 9)
    assert found.product_range == IntRange(-256 * 255, 255 * 255)


def test_padding_in_onnx_order():
    assert Padding.of(2) == Padding(top=2, bottom=2, left=2, right=2)
    assert Padding.of([1, 2]) == Padding(top=1, bottom=1, left=2, right=2)
    assert Padding.of([0, 1, 2, 3]) == Padding(top=0, left=1, bottom=2, right=3)
    assert Padding.of([0, 1, 2, 3]).as_array().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": weights(2, 3, 3)}, "weight: expected shape (K, C, kh, kw), got (2, 3, 3)"),
        ({"weight": np.ones((2, 3, 3, 3))}, "weight: expected integers, got float64"),
        ({"weight": weights(0, 3, 3, 3)}, "kernels must be 1 to 256, not 0"),
        ({"weight": weights(257, 3, 3, 3)}, "kernels must be 1 to 256, not 257"),
        ({"weight": weights(2, 3, 8, 3)}, "kernel height must be 1 to 7, not 8"),
        ({"weight": weights(2, 3, 3, 0)}, "kernel width must be 1 to 7, not 0"),
        (
            {"weight": weights(2, 3, 3, 3) * 256},
            (
                "weight: values 256..256 do not fit 9 signed bits (-256..255); requantise them, "
                "or widen weight_bits"
            ),
        ),
        (
            {"weight_format": FixedFormat(bits=9, frac=8, signed=False)},
            "weight_format: weights are signed",
        ),
        (
            {"input_shape": (1, 8, 9)},
            "input_shape: 1 channels, but weight has 3 (weight is (K, C, kh, kw) = (2, 3, 3, 3))",
        ),
        ({"input_shape": (3, 0, 9)}, "frame height must be 1 to 4096, not 0"),
        ({"input_shape": (3, 8, 4097)}, "frame width must be 1 to 4096, not 4097"),
        (
            {"weight": weights(1, 65, 1, 1), "input_shape": (65, 8, 8)},
            "channels must be 1 to 64, not 65",
        ),
        ({"stride": (1, 5)}, "stride must be 1 to 4, not 5"),
        ({"stride": (0, 1)}, "stride must be 1 to 4, not 0"),
        ({"padding": Padding(left=4)}, "padding must be 0 to 3, not 4"),
        ({"padding": Padding(left=-1)}, "padding must be 0 to 3, not -1"),
        (
            {"input_shape": (3, 2, 9)},
            "input_shape: the padded frame 2x9 is smaller than the kernel 3x3",
        ),
        ({"bias": np.zeros(3, int)}, "bias: expected shape (2,), one a kernel, got (3,)"),
        ({"bias": np.zeros(2)}, "bias: expected integers, got float64"),
        ({"scale": np.zeros((2, 1), int)}, "scale: expected shape (2,), one a kernel, got (2, 1)"),
        ({"scale": np.array([1, -1])}, "scale: factors must be 0..65535"),
        ({"scale": np.array([1, 65536])}, "scale: factors must be 0..65535"),
    ],
)
def test_a_bad_layer_is_refused(changes, message):
    with pytest.raises(SpecError) as caught:
        layer(**changes)
    assert str(caught.value) == message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=layers())
def test_a_layer_survives_its_file(tmp_path, found):
    save_layer(tmp_path / "layer.npz", found)
    loaded = load_layer(tmp_path / "layer.npz")
    assert loaded.digest() == found.digest()
    assert loaded.input_format == found.input_format
    assert loaded.weight_format == found.weight_format
    first = (tmp_path / "layer.npz").read_bytes()
    save_layer(tmp_path / "layer.npz", loaded)
    assert (tmp_path / "layer.npz").read_bytes() == first


def test_the_digest_sees_every_field():
    digests = {
        layer(**changes).digest()
        for changes in (
            {},
            {"weight": weights(2, 3, 3, 3) * 2},
            {"input_shape": (3, 9, 8)},
            {"bias": np.zeros(2, int)},
            {"scale": np.zeros(2, int)},
            {"stride": (1, 2)},
            {"padding": Padding.of(1)},
            {"input_format": FixedFormat(bits=8, frac=8, signed=True)},
            {"weight_format": FixedFormat(bits=10, frac=8, signed=True)},
        )
    }
    assert len(digests) == 9


def write(tmp_path, **fields):
    path = tmp_path / "layer.npz"
    known = {"weight": weights(2, 3, 3, 3), "input_shape": [3, 8, 9]}
    np.savez(path, **{k: v for k, v in (known | fields).items() if v is not None})
    return path


def test_a_file_of_the_required_fields_is_fixed8(tmp_path):
    found = load_layer(write(tmp_path))
    assert found.input_format == FixedFormat(bits=8, frac=8, signed=False)
    assert found.weight_format == FixedFormat(bits=9, frac=8, signed=True)
    assert found.bias is None
    assert found.scale is None
    assert found.stride == (1, 1)
    assert found.padding == Padding()


def test_all_fields(tmp_path):
    found = load_layer(
        write(
            tmp_path,
            weight=weights(2, 3, 3, 3).astype(np.int8),
            bias=np.array([1, -2], np.int16),
            scale=[3, 4],
            stride=2,
            padding=[[1, 2]],
            input_bits=[12],
            input_signed=True,
            input_frac=4,
            weight_bits=6,
            weight_frac=2,
        )
    )
    assert found.weight.dtype == np.int64
    assert found.bias is not None
    assert found.bias.tolist() == [1, -2]
    assert found.stride == (2, 2)
    assert found.padding == Padding(top=1, bottom=1, left=2, right=2)
    assert found.input_format == FixedFormat(bits=12, frac=4, signed=True)
    assert found.weight_format == FixedFormat(bits=6, frac=2, signed=True)


@pytest.mark.parametrize(("frac", "bits"), [(0, 9), (7, 9), (8, 9), (9, 10), (15, 16), (20, 16)])
def test_the_weight_width_follows_from_the_fraction(tmp_path, frac, bits):
    assert load_layer(write(tmp_path, weight_frac=frac)).weight_format.bits == bits


def test_the_weight_width_can_be_overridden(tmp_path):
    path = write(tmp_path, weight=weights(2, 3, 3, 3) * 256, weight_bits=9)
    assert load_layer(path, weight_bits=10).weight_format.bits == 10


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight": None}, "missing field weight"),
        (
            {"wieght": 1},
            (
                "unknown field wieght; known: bias, input_bits, input_frac, input_shape, "
                "input_signed, padding, scale, stride, weight, weight_bits, weight_frac"
            ),
        ),
        ({"weight": np.ones((2, 3, 3, 3))}, "weight: expected integers, got float64"),
        ({"bias": [0.5, 1]}, "bias: expected integers, got float64"),
        ({"bias": ["a", "b"]}, "bias: expected integers, got <U1"),
        ({"bias": np.array([2**63, 0], np.uint64)}, "bias: values do not fit 64 signed bits"),
        ({"input_shape": [3, 8]}, "input_shape: expected (C, H, W), got 2 numbers"),
        ({"stride": [1, 1, 1]}, "stride: expected 1 or 2 numbers, got 3"),
        ({"padding": [1, 1, 1]}, "padding: expected 1, 2 or 4 numbers, got 3"),
        ({"padding": []}, "padding: expected integers, got float64"),
        ({"input_bits": [8, 8]}, "input_bits: expected one number, got shape (2,)"),
        ({"input_bits": 17}, "input_bits must be 4 to 16, not 17"),
        ({"weight_bits": 0}, "weight_bits must be 4 to 16, not 0"),
        ({"input_signed": 2}, "input_signed: expected 0 or 1, got 2"),
        ({"stride": 5}, "stride must be 1 to 4, not 5"),
        ({"weight": weights(2, 3, 3)}, "weight: expected shape (K, C, kh, kw), got (2, 3, 3)"),
    ],
)
def test_a_bad_layer_file_is_refused(tmp_path, fields, message):
    path = write(tmp_path, **fields)
    with pytest.raises(SpecError) as caught:
        load_layer(path)
    assert str(caught.value) == f"{path}: {message}"


def message_of(path):
    with pytest.raises(SpecError) as caught:
        load_layer(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_files_that_are_no_layer_files(tmp_path):
    assert message_of(tmp_path / "none.npz") == "no such layer file"
    assert message_of(tmp_path) == "not a readable .npz file: Is a directory"
    np.save(tmp_path / "array.npy", weights(2, 3, 3, 3))
    assert (
        message_of(tmp_path / "array.npy") == "expected an .npz file, found a single array (.npy)"
    )
    (tmp_path / "text.npz").write_text("weight = 3")
    assert message_of(tmp_path / "text.npz") == "expected an .npz file, found something else"
    (tmp_path / "empty.npz").touch()
    assert message_of(tmp_path / "empty.npz") == "expected an .npz file, found something else"
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as file:
        file.writestr("readme.txt", "hello")
    assert message_of(tmp_path / "zip.npz").startswith("not a readable .npz file: ")
    np.savez(tmp_path / "pickle.npz", weight=np.array([None, {}], dtype=object))
    assert message_of(tmp_path / "pickle.npz").startswith("not a readable .npz file: Object arrays")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_a_damaged_layer_file_never_ends_in_a_traceback(tmp_path, data):
    content = bytearray(write(tmp_path).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(SpecError):  # and nothing else; a lucky damage leaves a layer
        load_layer(path)
