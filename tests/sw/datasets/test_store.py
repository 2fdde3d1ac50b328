"""sw.datasets.store: a stored set is verified, never overwritten, and never half written."""

import io

import numpy as np
import pytest

from sw import data
from sw.datasets import store
from sw.datasets.catalogue import DataError
from tests.sw.datasets.published import left_in, mnist_files, out


def test_second_run_reuses_and_verifies(stored, tmp_path, capsys, monkeypatch):
    before = stored.stat()
    monkeypatch.setattr(data, "package_source", None)  # would fail if called
    assert data.main(["mnist", *out(tmp_path)]) == 0
    assert "already there, verified" in capsys.readouterr().out
    assert stored.stat().st_mtime_ns == before.st_mtime_ns


def test_same_set_gives_the_same_file(stored, tmp_path):
    assert data.main(["mnist", "--from", str(stored.parent), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "mnist.npz").read_bytes() == stored.read_bytes()


def changed(key):
    def damage(path):
        with np.load(path) as old:
            arrays = dict(old)
        arrays[key] = arrays[key].copy()
        arrays[key].reshape(-1)[0] ^= 1
        np.savez(path, **arrays)

    return damage


def retyped(path):
    with np.load(path) as old:
        np.savez(path, **{key: array.astype(np.int16) for key, array in dict(old).items()})


DAMAGES = {
    "pixel": (changed("x_test"), "t10k-images-idx3-ubyte is not the published file"),
    "label": (changed("y_test"), "t10k-labels-idx1-ubyte is not the published file"),
    "type": (retyped, "must be uint8, "),
    "keys": (lambda path: np.savez(path, z=np.zeros(3)), "cannot read x_t"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:999]), "mnist.npz: "),
    "text": (lambda path: path.write_text("hello"), "cannot read x_t"),
    "empty": (lambda path: path.write_bytes(b""), "cannot read x_t"),
    "npy": (lambda path: path.write_bytes(npy()), "mnist.npz: "),
}


def npy():
    stream = io.BytesIO()
    np.save(stream, np.arange(4))
    return stream.getvalue()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_stored_set_is_detected(damage, stored, tmp_path, capsys):
    spoil, said = DAMAGES[damage]
    spoil(stored)
    content = stored.read_bytes()
    with pytest.raises(DataError) as caught:
        data.load("mnist", "test", stored.parent)
    assert said in str(caught.value)
    assert f"Delete {stored} and run `python -m sw.data mnist`" in str(caught.value)
    assert data.main(["mnist", *out(tmp_path)]) == 2
    assert "mnist.npz" in capsys.readouterr().err
    assert stored.read_bytes() == content  # the user's file is not overwritten
    assert left_in(stored.parent) == ["mnist.npz"]


def test_load_names_the_command_that_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"mnist\.npz: no such file; `python -m sw\.data mnist"):
        data.load("mnist", folder=tmp_path)


def test_load_refuses_other_splits(tmp_path):
    with pytest.raises(DataError, match='split must be "train" or "test", not \'valid\''):
        data.load("mnist", "valid", tmp_path)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_write_leaves_nothing(error, tiny, tmp_path, capsys, monkeypatch):
    def fail(_):
        raise error

    monkeypatch.setattr(store.os, "fsync", fail)
    folder = mnist_files(tmp_path / "in", tiny)
    status = data.main(["mnist", "--from", str(folder), *out(tmp_path)])
    message = capsys.readouterr().err
    assert left_in(tmp_path / "out") == []
    if error is KeyboardInterrupt:
        assert (status, "interrupted" in message) == (130, True)
    else:
        assert status == 2
        assert "mnist.npz: cannot be written: No space left on device" in message
