"""Small data sets in place of the published ones, and one of them stored."""

import pytest

from sw import data
from sw.datasets import catalogue
from tests.sw.datasets.published import make_archives, mnist_files, out


@pytest.fixture
def tiny(monkeypatch):
    """Small data sets under the real names: {name: (archive, arrays)}, MD5 sums patched to fit."""
    made = make_archives()
    monkeypatch.setattr(
        catalogue, "ARCHIVES", {name: archive for name, (archive, _) in made.items()}
    )
    return made


@pytest.fixture
def stored(tiny, tmp_path):
    assert (
        data.main(["mnist", "--from", str(mnist_files(tmp_path / "in", tiny)), *out(tmp_path)]) == 0
    )
    return tmp_path / "out" / "mnist.npz"
