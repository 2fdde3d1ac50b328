"""The pair statistics against a plain count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.configfile import load_config
from sw.images import load_images
from sw.pairs import REPEAT_BINS, PairStatistics, pair_statistics
from tests.strategies import engine_configs, images_for, layers


def plain_pairs(image, weight, stride=(1, 1)):
    """Every multiplication of a layer, one by one."""
    kernels, channels, height, width = weight.shape
    pairs = Counter()
    for k in range(kernels):
        for y in range(0, image.shape[1] - height + 1, stride[0]):
            for x in range(0, image.shape[2] - width + 1, stride[1]):
                for c, i, j in np.ndindex(channels, height, width):
                    pairs[image[c, y + i, x + j].item(), weight[k, c, i, j].item()] += 1
    return pairs


def plain_bins(pairs):
    counts = list(pairs.values())
    return [sum(lo <= n <= (hi or n) for n in counts) for lo, hi in REPEAT_BINS]


@settings(max_examples=50)
@given(st.data())
def test_pairs_are_counted_one_by_one(data):
    layer = data.draw(layers(max_side=6, max_kernels=4, max_kernel_side=4))
    config = data.draw(engine_configs(st.just(layer)))
    images = data.draw(images_for(config, max_frames=2))
    statistics = pair_statistics(images, layer.weight, stride=layer.stride, padding=layer.padding)
    assert isinstance(statistics, PairStatistics)
    padding = layer.padding
    padded = np.pad(
        images, ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    )
    pairs = [plain_pairs(image, layer.weight, layer.stride) for image in padded]
    assert statistics.repeats.tolist() == [plain_bins(p) for p in pairs]
    assert statistics.distinct.tolist() == [len(p) for p in pairs]
    assert statistics.multiplications == layer.multiplications_needed
    assert all(p.total() == statistics.multiplications for p in pairs)


def test_pairs_of_floats(rng):
    images = rng.integers(0, 5, (1, 2, 5, 5)).astype(np.float32) / 255
    weight = rng.normal(size=(3, 2, 3, 3)).astype(np.float16)
    assert pair_statistics(images, weight).repeats.tolist() == [
        plain_bins(plain_pairs(images[0], weight))
    ]


def test_pairs_in_every_bin(monkeypatch):
    monkeypatch.setattr("sw.pairs._PAIRS_AT_ONCE", 1)
    repeats = [1, 5, 6, 10, 11, 50, 51, 100, 101, 500, 501, 1000, 1001, 5000, 5001, 10000, 10001]
    image = np.repeat(np.arange(len(repeats)), repeats).reshape(1, 1, 1, -1)
    statistics = pair_statistics(image, np.ones((1, 1, 1, 1)))
    assert statistics.repeats.tolist() == [[2, 2, 2, 2, 2, 2, 2, 2, 1]]


def test_pairs_of_no_images():
    statistics = pair_statistics(np.zeros((0, 1, 3, 3)), np.zeros((2, 1, 2, 2)))
    assert statistics.repeats.shape == (0, 9)
    assert statistics.multiplications == 2 * 4 * 4


@pytest.mark.parametrize(
    ("images", "weight"), [((1, 2, 5, 5), (4, 3, 3, 3)), ((2, 5, 5), (4, 2, 3, 3))]
)
def test_pairs_of_shapes_that_do_not_fit(images, weight):
    with pytest.raises(
        ValueError, match=r"expected images \(N, C, H, W\) and weight \(K, C, kh, kw"
    ):
        pair_statistics(np.zeros(images), np.zeros(weight))


def test_the_papers_tables_on_real_images():
    """Facts of the paper: 777,600 multiplications an image, about 3 to 5 % distinct pairs."""
    images = load_images("samples:cifar10:50", load_config("cifar10-layer1"))
    plain = pair_statistics(images, load_config("cifar10-layer1-plain").layer.weight)
    templated = pair_statistics(images, load_config("cifar10-layer1").layer.weight)
    assert plain.multiplications == templated.multiplications == 777_600
    assert plain.distinct.mean() == pytest.approx(42094, rel=0.1)
    assert templated.distinct.mean() == pytest.approx(23173, rel=0.1)
