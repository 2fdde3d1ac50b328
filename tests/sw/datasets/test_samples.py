"""sw.datasets.samples: the images that come with the project, and how they are made."""

import shutil

import numpy as np
import pytest

from sw import data
from sw.datasets import samples
from sw.datasets.catalogue import DataError, archive_of
from tests.sw.datasets.published import cifar_files, left_in, mnist_files


@pytest.mark.parametrize(
    ("name", "shape"), [("cifar10", (1000, 3, 32, 32)), ("mnist", (1000, 1, 28, 28))]
)
def test_samples_load_without_network(name, shape):
    loaded = data.load_samples(name)
    assert loaded.images.shape == shape
    assert loaded.images.dtype == np.uint8
    assert loaded.images.flags.c_contiguous
    assert loaded.labels.shape == shape[:1]
    assert loaded.labels.dtype == np.uint8
    assert set(loaded.labels.tolist()) == set(range(10))
    assert len(loaded) == 1000
    assert archive_of(name).title in loaded.source


def test_samples_are_the_well_known_images():
    # The first labels of both test sets are widely printed: cat, ship, ship, airplane; 7, 2, 1, 0.
    assert data.load_samples("cifar10").labels[:6].tolist() == [3, 8, 8, 0, 6, 6]
    assert data.load_samples("mnist").labels[:6].tolist() == [7, 2, 1, 0, 4, 1]
    # CIFAR-10's first test image begins with the red plane: 158, 159, 165, ...
    assert data.load_samples("cifar10").images[0, 0, 0, :3].tolist() == [158, 159, 165]
    assert data.load_samples("mnist").images[0, 0, 7, 6:9].tolist() == [84, 185, 159]


def test_samples_stay_small():
    assert sum(p.stat().st_size for p in samples.SAMPLES.glob("*.npz")) < 2_600_000


@pytest.mark.parametrize("position", [100, -100])
def test_damaged_sample_is_detected(tmp_path, position):
    shutil.copytree(samples.SAMPLES, tmp_path, dirs_exist_ok=True)
    content = bytearray((tmp_path / "mnist.npz").read_bytes())
    content[position] ^= 1
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"mnist\.npz: SHA-256 is .*, expected .*git checkout"):
        samples.load_samples("mnist", tmp_path)
    assert len(samples.load_samples("cifar10", tmp_path)) == 1000


def test_missing_sample_is_named(tmp_path):
    with pytest.raises(DataError, match=r"mnist\.npz: cannot be read"):
        samples.load_samples("mnist", tmp_path)


@pytest.mark.parametrize("load", [data.load_samples, data.load])
def test_unknown_data_set_is_refused(load):
    with pytest.raises(DataError, match='must be "cifar10" or "mnist", not \'svhn\''):
        load("svhn")


def test_samples_are_reproducible(tiny, tmp_path, capsys):
    mnist_files(tmp_path / "in", tiny)
    cifar_files(tmp_path / "in", tiny, python=True)
    for out in ("a", "b"):
        command = ["samples", "--from", str(tmp_path / "in"), "--out", str(tmp_path / out)]
        assert data.main(command) == 0
    assert left_in(tmp_path / "a") == ["SHA256SUMS", "cifar10.npz", "mnist.npz"]
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    for name, (_, arrays) in tiny.items():
        loaded = samples.load_samples(name, tmp_path / "a")
        np.testing.assert_array_equal(loaded.images, arrays["x_test"])
        np.testing.assert_array_equal(loaded.labels, arrays["y_test"])
    assert "cifar10.npz" in capsys.readouterr().out
