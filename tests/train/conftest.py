"""The tests of sw/train need PyTorch: `make test-train` installs it, `make test` goes without."""

import importlib.util

import pytest

from sw.data import Dataset, load_samples

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """300 real digits."""
    samples = load_samples("mnist")
    return Dataset(samples.images[:300], samples.labels[:300], samples.source)


@pytest.fixture(scope="session")
def photographs() -> Dataset:
    """200 real photographs."""
    samples = load_samples("cifar10")
    return Dataset(samples.images[:200], samples.labels[:200], samples.source)
