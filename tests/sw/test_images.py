"""Images from files and samples: what is taken, and what is refused with which message."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sw import images as module
from sw.cli import InputError
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.datasets.catalogue import DataError, Dataset
from sw.datasets.samples import load_samples
from sw.images import ImageError, check_images, labels_of, load_images
from sw.numeric import FixedFormat
from sw.spec import LayerSpec

TINY = load_config("tiny")  # 2 x 6 x 7, unsigned bytes


def message_of(function, *args):
    with pytest.raises(ImageError) as caught:
        function(*args)
    return str(caught.value)


def config_of(bits, *, signed):
    layer = LayerSpec(
        weight=np.ones((1, 1, 1, 1), np.int64),
        input_shape=(1, 1, 2),
        input_format=FixedFormat(bits=bits, frac=0, signed=signed),
    )
    return EngineConfig(name="x", layer=layer)


@pytest.mark.parametrize("type_", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])
def test_every_integer_type_is_taken_as_it_is(type_):
    images = np.arange(84).reshape(1, 2, 6, 7).astype(type_)
    checked = check_images(images, TINY, "x")
    assert checked.dtype == type_
    assert np.array_equal(checked, images)


def test_other_orders_become_native(tmp_path):
    images = np.arange(84, dtype=">u2").reshape(1, 7, 6, 2).transpose(0, 3, 2, 1)
    checked = check_images(images, TINY, "x")
    assert checked.dtype.isnative
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, images)
    np.save(tmp_path / "in.npy", np.asfortranarray(images))
    assert np.array_equal(load_images(tmp_path / "in.npy", TINY), images)


def test_a_file_is_loaded(tmp_path):
    images = np.arange(168, dtype=np.uint8).reshape(2, 2, 6, 7)
    np.save(tmp_path / "in.npy", images)
    assert np.array_equal(load_images(tmp_path / "in.npy", TINY), images)
    assert np.array_equal(load_images(str(tmp_path / "in.npy"), TINY), images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 2, 6, 7)), "in: dtype: expected integers, got float64"),
        (np.zeros((1, 2, 6, 7), bool), "in: dtype: expected integers, got bool"),
        (
            np.zeros((2, 6, 7), int),
            "in: shape: expected (N, 2, 6, 7), the input of tiny, got (2, 6, 7)",
        ),
        (
            np.zeros((1, 2, 7, 6), int),
            "in: shape: expected (N, 2, 6, 7), the input of tiny, got (1, 2, 7, 6)",
        ),
        (
            np.zeros((0, 2, 6, 7), int),
            "in: shape: expected at least 1 image, got (0, 2, 6, 7)",
        ),
        (
            np.full((1, 2, 6, 7), 256),
            "in: values: expected 0..255 (8 unsigned bits), got 256..256",
        ),
        (
            np.full((1, 2, 6, 7), -1),
            "in: values: expected 0..255 (8 unsigned bits), got -1..-1",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(images, message):
    assert message_of(check_images, images, TINY, "in") == message


@pytest.mark.parametrize(
    ("bits", "signed", "lo", "hi"),
    [(4, False, 0, 15), (12, True, -2048, 2047), (16, False, 0, 65535)],
)
def test_the_range_is_the_input_formats(bits, signed, lo, hi):
    config = config_of(bits, signed=signed)
    images = np.array([[[[lo, hi]]]])
    assert np.array_equal(check_images(images, config, "in"), images)
    kind = "signed" if signed else "unsigned"
    assert message_of(check_images, images + 1, config, "in") == (
        f"in: values: expected {lo}..{hi} ({bits} {kind} bits), got {lo + 1}..{hi + 1}"
    )


def test_an_image_error_is_bad_input():
    assert issubclass(ImageError, InputError)
    assert issubclass(ImageError, ValueError)


def test_samples_by_name():
    config = load_config("cifar10-layer1")
    samples = load_samples("cifar10").images
    assert np.array_equal(load_images("samples:cifar10", config), samples)
    assert np.array_equal(load_images("samples:cifar10:3", config), samples[:3])
    assert load_images("samples:mnist:1", load_config("mnist-layer1")).shape == (1, 1, 28, 28)


@pytest.mark.parametrize("count", ["0", "-1", "x", "", "1001", "1:2", "²"])
def test_a_wrong_count_of_samples(count):
    name = f"samples:cifar10:{count}"
    expected = f"{name}: count: expected 1 to 1000, got {count!r}"
    assert message_of(load_images, name, TINY) == expected


def test_unknown_samples():
    message = message_of(load_images, "samples:cifar", TINY)
    assert message.startswith("samples:cifar: ")
    assert "cifar10" in message


def test_samples_of_another_shape():
    assert message_of(load_images, "samples:mnist:2", TINY) == (
        "samples:mnist:2: shape: expected (N, 2, 6, 7), the input of tiny, got (2, 1, 28, 28)"
    )


def test_files_that_are_no_images(tmp_path):
    def message(name):
        text = message_of(load_images, tmp_path / name, TINY)
        assert text.startswith(f"{tmp_path / name}: ")
        return text.removeprefix(f"{tmp_path / name}: ")

    assert message("none.npy").startswith("no such image file; expected integers of shape (N, C, H")
    assert message("") == "not a readable .npy file: Is a directory"
    np.savez(tmp_path / "in.npz", x=1)
    assert message("in.npz") == "expected a .npy file, found an .npz or other archive"
    (tmp_path / "in.png").write_bytes(b"\x89PNG\r\n")
    assert message("in.png") == "expected a .npy file, found something else"
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    assert message("object.npy").startswith("not a readable .npy file: Object arrays cannot be")
    np.save(tmp_path / "cut.npy", np.zeros((1, 2, 6, 7), np.uint8))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-1])
    assert message("cut.npy").startswith("not a readable .npy file: ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_a_damaged_file_never_ends_in_a_traceback(tmp_path, data):
    path = tmp_path / "damaged.npy"
    np.save(path, np.zeros((1, 2, 6, 7), np.uint8))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 140))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(ImageError):  # and nothing else; a lucky damage leaves images
        load_images(path, TINY)


def test_the_whole_test_set_by_name(monkeypatch):
    """As `python -m sw.data` would have stored it."""
    images = np.arange(5 * 84, dtype=np.uint8).reshape(5, 2, 6, 7)
    labels = np.arange(5, dtype=np.uint8)

    def stored(name):
        if name != "mnist":
            raise DataError("no such data set")
        return Dataset(images, labels, "here")

    monkeypatch.setitem(module._KINDS, "test", stored)
    assert np.array_equal(load_images("test:mnist", TINY), images)
    assert np.array_equal(load_images("test:mnist:2", TINY), images[:2])
    known = labels_of("test:mnist:2")
    assert known is not None
    assert known.tolist() == [0, 1]
    assert message_of(load_images, "test:mnist:6", TINY) == (
        "test:mnist:6: count: expected 1 to 5, got '6'"
    )
    assert message_of(load_images, "test:x", TINY) == "test:x: no such data set"


def test_data_that_was_not_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "`python -m sw.data mnist" in message_of(load_images, "test:mnist", TINY)


def test_what_is_on_images(tmp_path):
    known = labels_of("samples:mnist:3")
    assert known is not None
    assert np.array_equal(known, load_samples("mnist").labels[:3])
    assert labels_of(str(tmp_path / "in.npy")) is None
