"""The full sets as files of ours: written whole or not at all, verified whenever they are read."""

import io
import os
from pathlib import Path

import numpy as np

from sw.datasets.catalogue import Arrays, DataError, Dataset, Split, archive_of, assemble, splits_of
from sw.datasets.folder import npz_source

__all__ = ["check_writable", "load", "save", "write_whole"]


def load(name: str, split: Split = "train", folder: str | Path = "data") -> Dataset:
    """Return a full data set that ``python -m sw.data`` stored; its MD5 sums are verified.

    Parameters
    ----------
    name : {"cifar10", "mnist"}
        The data set.
    split : {"train", "test"}
        Which half of it.
    folder : path
        Where ``NAME.npz`` is.

    Returns
    -------
    Dataset
        CIFAR-10: 50,000 or 10,000 images (N, 3, 32, 32), red, green, blue planes.
        MNIST: 60,000 or 10,000 images (N, 1, 28, 28), ink is 255.

    Raises
    ------
    DataError
        No such data set or split; the file is missing, or is not what was published.
    """
    archive, splits = archive_of(name), splits_of(split)
    path = Path(folder) / f"{name}.npz"
    if not path.is_file():
        raise DataError(f"{path}: no such file; `python -m sw.data {name} --out {folder}` makes it")
    arrays = assemble(archive, npz_source(archive, path), splits=splits)
    source = f"{archive.title}, {split} set, from {path}"
    return Dataset(arrays[f"x_{split}"], arrays[f"y_{split}"], source)


def save(path: Path, arrays: Arrays) -> None:
    """Write arrays as ``.npz``, whole or not at all; `DataError` if the place is not writable."""
    # Not compressed: photographs shrink by 8 % only, and loading is several times faster.
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_whole(path, stream.getbuffer())


def check_writable(folder: Path) -> None:
    """Raise `DataError` if files cannot be made in `folder`, which need not exist; make nothing."""
    nearest = next((p for p in (folder, *folder.absolute().parents) if p.exists()), Path())
    if not nearest.is_dir():
        raise DataError(f"{nearest}: is a file; --out must be a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise DataError(f"{nearest}: not writable; choose another folder by --out")


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file under another name and rename it when complete, so that no half is ever seen.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    content : bytes
        All of it.

    Raises
    ------
    DataError
        The folder cannot be made or written to, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
