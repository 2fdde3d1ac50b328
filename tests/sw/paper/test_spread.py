"""The effective rank: 1 for kernels that say the same, their number for those that do not."""

import numpy as np
import pytest

from sw.data import load_samples
from sw.paper.spread import effective_rank, patch_covariance
from sw.templates import hlac25, local_binary_patterns


def test_kernels_that_say_the_same():
    kernels = np.array([1.0, -2.0, 5.0]).reshape(3, 1, 1, 1)
    assert effective_rank(kernels, np.array([[7.0]])) == pytest.approx(1)


def test_kernels_that_have_nothing_in_common():
    kernels = np.diag([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 2, 2)
    assert effective_rank(kernels, np.eye(4)) == pytest.approx(4)


def test_covariance_is_that_of_the_outputs(rng):
    images = rng.integers(0, 256, (3, 2, 5, 6)).astype(np.uint8)
    kernel = rng.normal(size=(2, 2, 3))
    outputs = [
        (image[:, i : i + 2, j : j + 3] * kernel).sum()
        for image in images.astype(float)
        for i in range(4)
        for j in range(4)
    ]
    covariance = patch_covariance(images, (2, 3))
    assert kernel.ravel() @ covariance @ kernel.ravel() == pytest.approx(np.var(outputs, ddof=1))


def test_hlac_says_little_more_than_brightness():
    covariance = patch_covariance(load_samples("cifar10").images)
    ranks = [
        effective_rank(np.repeat(bank[:, np.newaxis], 3, axis=1), covariance)
        for bank in (hlac25(), local_binary_patterns())
    ]
    assert ranks[0] < 1.5
    assert ranks[1] > 4
