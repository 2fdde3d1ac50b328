"""sw.datasets.folder: the usual files in their usual layouts, and what is wrong with others."""

import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from sw import data
from sw.datasets import catalogue
from sw.datasets.catalogue import ARCHIVES, DataError, archive_of
from sw.datasets.folder import folder_source
from tests.sw.datasets.published import cifar_files, layout, left_in, mnist_files

LAYOUTS = [
    "mnist",
    "mnist gz",
    "mnist dotted",
    "mnist gz torchvision",
    "cifar binary",
    "cifar python",
    "cifar python inside",
    "cifar binary tar",
    "cifar python tar",
    "cifar python tar file",
]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_usual_files_round_trip(kind, tiny, tmp_path, capsys):
    name, origin = layout(kind, tmp_path / "in", tiny)
    out = tmp_path / "deep" / "out"
    assert data.main([name, "--from", str(origin), "--out", str(out)]) == 0
    assert left_in(out) == [f"{name}.npz"]
    printed = capsys.readouterr()
    assert f"{name}.npz: {name}, " in printed.out
    assert "verified and written" in printed.out
    _, arrays = tiny[name]
    for split in ("train", "test"):
        loaded = data.load(name, split, out)
        np.testing.assert_array_equal(loaded.images, arrays[f"x_{split}"])
        np.testing.assert_array_equal(loaded.labels, arrays[f"y_{split}"])
        assert split in loaded.source


@pytest.mark.parametrize("kind", LAYOUTS)
def test_wrong_checksum_exits_2_and_writes_nothing(kind, tiny, tmp_path, capsys, monkeypatch):
    name, origin = layout(kind, tmp_path / "in", tiny)
    archive, _ = tiny[name]
    last = replace(archive.originals[-1], md5="0" * 32)
    broken = replace(archive, originals=(*archive.originals[:-1], last))
    monkeypatch.setattr(catalogue, "ARCHIVES", {name: broken})
    assert data.main([name, "--from", str(origin), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert f"{last.name} is not the published file" in message
    assert f"expected {archive.size(last)} bytes with MD5 {'0' * 32}" in message
    assert "fetch it again" in message
    assert not (tmp_path / "out").exists()


def test_sizes_are_those_of_the_published_files():
    sizes = {o.name: a.size(o) for a in ARCHIVES.values() for o in a.originals}
    assert sizes["train-images-idx3-ubyte"] == 47040016
    assert sizes["train-labels-idx1-ubyte"] == 60008
    assert sizes["t10k-images-idx3-ubyte"] == 7840016
    assert sizes["t10k-labels-idx1-ubyte"] == 10008
    assert sizes["data_batch_5.bin"] == sizes["test_batch.bin"] == 30730000


@pytest.mark.parametrize("kind", ["mnist gz", "cifar binary tar", "cifar python"])
def test_truncated_file_is_an_error(kind, tiny, tmp_path, capsys):
    name, origin = layout(kind, tmp_path / "in", tiny)
    for path in [p for p in (tmp_path / "in").rglob("*") if p.is_file()]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert data.main([name, "--from", str(origin), "--out", str(tmp_path / "out")]) == 2
    assert f"error: {tmp_path / 'in'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_file_is_named(tiny, tmp_path, capsys):
    mnist_files(tmp_path, tiny)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert data.main(["mnist", "--from", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "t10k-labels-idx1-ubyte is missing" in capsys.readouterr().err


def test_missing_batch_in_archive_is_named(tiny, tmp_path):
    layout("cifar binary", tmp_path, tiny)
    (tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "cifar-10-batches-bin", "cifar-10-batches-bin")
    source = folder_source(catalogue.archive_of("cifar10"), tmp_path)
    with pytest.raises(DataError, match=r"data_batch_3\[\.bin\] is missing in it"):
        source.read(tiny["cifar10"][0].originals[2])


@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_empty_and_missing_folders_are_refused(name, tmp_path, capsys):
    for folder, said in ((tmp_path, "nothing of"), (tmp_path / "none", "no such folder")):
        assert data.main([name, "--from", str(folder), "--out", str(tmp_path / "out")]) == 2
        message = capsys.readouterr().err
        assert f"{folder}: {said}" in message
        assert archive_of(name).originals[0].name.removesuffix(".bin") in message


def test_batch_of_wrong_shape_is_refused(tiny, tmp_path, capsys):
    folder = cifar_files(tmp_path / "in", tiny, python=True)
    batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]}
    (folder / "test_batch").write_bytes(pickle.dumps(batch))
    assert data.main(["cifar10", "--from", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "data must be uint8 (3, 3072), not uint8 (2, 3072)" in capsys.readouterr().err
