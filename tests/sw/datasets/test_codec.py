"""sw.datasets.codec: images come back as they were, damaged streams do not pass."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as np_arrays

from sw import data
from sw.datasets import codec

shapes = st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 9), st.integers(0, 9))


@settings(deadline=None)
@given(np_arrays(np.uint8, shapes))
def test_decode_returns_what_was_encoded(images):
    decoded = codec.decode(codec.encode(images))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, images)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
def test_predicted_mode_returns_what_was_encoded(seed, channels):
    rng = np.random.default_rng(seed)
    steps = rng.integers(-3, 4, (2, channels, 24, 24))
    images = (128 + steps.cumsum(axis=2).cumsum(axis=3)).astype(np.uint8)  # smooth, and wraps
    encoded = codec.encode(images)
    assert encoded[4] == codec._PREDICTED
    np.testing.assert_array_equal(codec.decode(encoded), images)


def test_encoding_is_deterministic_and_smaller():
    images = data.load_samples("cifar10").images[:50]
    assert codec.encode(images) == codec.encode(images.copy())
    assert len(codec.encode(images)) < 0.6 * images.nbytes


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_damaged_stream_is_an_error_or_the_same_images(position, flip):
    images = data.load_samples("mnist").images[:2]
    content = bytearray(codec.encode(images))
    content[position % len(content)] ^= flip
    try:
        decoded = codec.decode(bytes(content))
    except ValueError:
        return
    assert decoded.size == images.size


@pytest.mark.parametrize("content", [b"", b"KZI1", b"PNG" * 20])
def test_foreign_stream_is_refused(content):
    with pytest.raises(ValueError, match="must start with the header"):
        codec.decode(content)


def test_encoder_refuses_other_types():
    with pytest.raises(ValueError, match=r"must be uint8 \(N, C, H, W\), not int64 \(1, 2\)"):
        codec.encode(np.zeros((1, 2), np.int64))  # pyright: ignore[reportArgumentType]
