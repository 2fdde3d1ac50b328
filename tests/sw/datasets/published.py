"""Small data sets under the real names, in every layout that their files are found in."""

import gzip
import hashlib
import io
import pickle
import shutil
import struct
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sw.datasets.catalogue import ARCHIVES

__all__ = ["cifar_files", "layout", "left_in", "make_archives", "mnist_files", "out"]

COUNTS = {"train": 5, "test": 3}  # images a file of the small archives


def make_archives():
    """{name: (archive, arrays)}, with MD5 sums that fit."""
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


def out(tmp_path):
    return ["--out", str(tmp_path / "out")]
