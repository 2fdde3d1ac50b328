"""Data sets from the files that users have: IDX, CIFAR-10 batches, their archives, our ``.npz``."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sw.datasets.catalogue import Archive, DataError, Original, Source
from sw.datasets.unpickle import load_pickle

__all__ = ["folder_source", "npz_source"]

_DAMAGE = (OSError, EOFError, zlib.error, tarfile.TarError)
_PLACES = (
    "",
    "MNIST/raw",
    "mnist",
    "raw",
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar10",
)
_TARS = ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")
_MARGIN = 1 << 20  # of a pickle over the records in it


def folder_source(archive: Archive, folder: Path) -> Source:
    """Return the usual files of `archive` in `folder` as a source.

    MNIST: the four IDX files, with or without ``.gz``. CIFAR-10: the batches of the Python or the
    binary version, or the ``.tar.gz`` of either. Where there are none of these, the ``.npz`` that
    ``python -m sw.data`` wrote. Folders as torchvision lays them out are found as well.

    Parameters
    ----------
    archive : Archive
        The data set.
    folder : Path
        The folder with the files, or the ``.tar.gz`` itself.

    Raises
    ------
    DataError
        There is no such folder, or nothing in it is of this data set.
    """
    if not folder.exists():
        raise DataError(f"{folder}: no such folder; expected one with {_usual(archive)}")
    read = _reader(archive, folder)
    if read is None:
        npz = folder / f"{archive.name}.npz"
        if not npz.is_file():
            raise DataError(f"{folder}: nothing of {archive.title}; expected {_usual(archive)}")
        return npz_source(archive, npz)
    remedy = "The file is damaged or changed: fetch it again, or leave out --from to download it."
    return Source(name=str(folder), remedy=remedy, read=read)


def npz_source(archive: Archive, path: Path) -> Source:
    """Return the ``.npz`` that ``python -m sw.data`` writes as a source of the original bytes.

    Raises
    ------
    DataError
        When read: the file is missing or damaged, or an array is missing or of the wrong shape.
    """
    remedy = f"Delete {path} and run `python -m sw.data {archive.name}`."

    @cache
    def array(key: str) -> np.ndarray[Any, Any]:
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                return np.asarray(stored[key])
        except (OSError, EOFError, LookupError, TypeError, ValueError, zlib.error) as error:
            raise DataError(f"{path}: cannot read {key}: {error}. {remedy}") from error
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(f"{path}: not a readable npz file: {error}. {remedy}") from error

    def part(key: str, original: Original, item: int) -> np.ndarray[Any, Any]:
        stored, count = array(key), archive.count(original.split)
        if stored.dtype != np.uint8 or stored.size != count * item or len(stored) != count:
            expected = f"uint8, {count} of {item} bytes"
            found = f"{stored.dtype} {stored.shape}"
            raise DataError(f"{path}: {key} must be {expected}, not {found}. {remedy}")
        return stored[original.span]

    def read(original: Original) -> bytes:
        images = part(f"x_{original.split}", original, prod(archive.shape))
        labels = part(f"y_{original.split}", original, 1)
        return archive.pack(original, images, labels)

    return Source(name=str(path), remedy=remedy, read=read)


def _usual(archive: Archive) -> str:
    npz = f"{archive.name}.npz"
    if archive.originals[0].holds == "records":
        names = ", ".join(f"{o.name.removesuffix('.bin')}[.bin]" for o in archive.originals)
        return f"{names}; or {' or '.join(_TARS)}; or {npz}"
    return f"{', '.join(f'{o.name}[.gz]' for o in archive.originals)}; or {npz}"


def _reader(archive: Archive, folder: Path) -> Callable[[Original], bytes] | None:
    records = archive.originals[0].holds == "records"
    if records:
        for tar in [folder] if folder.is_file() else [folder / name for name in _TARS]:
            if tar.is_file():
                return _tar_reader(archive, tar)
    if not any(_files(original, folder) for original in archive.originals):
        return None

    def read(original: Original) -> bytes:
        path = next(iter(_files(original, folder)), None)
        if path is None:
            raise DataError(f"{folder}: {original.name} is missing; expected {_usual(archive)}")
        limit = archive.size(original) + _MARGIN
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                content = stream.read(limit)
        except _DAMAGE as error:
            raise DataError(f"{path}: cannot be read: {error}. Fetch it again.") from error
        return _records(archive, original, str(path), content)

    return read


def _files(original: Original, folder: Path) -> list[Path]:
    if original.holds == "records":
        names = [original.name, original.name.removesuffix(".bin")]
    else:
        dotted = original.name.replace("-idx", ".idx")  # as some mirrors call them
        names = [f"{name}{gz}" for name in (original.name, dotted) for gz in ("", ".gz")]
    paths = (folder / place / name for place in _PLACES for name in names)
    return [path for path in paths if path.is_file()]


def _tar_reader(archive: Archive, tar: Path) -> Callable[[Original], bytes]:
    wanted = {o.name.removesuffix(".bin"): o for o in archive.originals}

    def members() -> Iterator[tuple[str, bytes]]:
        with tarfile.open(tar, "r:*") as opened:
            for member in opened:
                name = PurePosixPath(member.name).name
                original = wanted.get(name.removesuffix(".bin"))
                stream = opened.extractfile(member) if original and member.isfile() else None
                if original and stream:
                    yield member.name, stream.read(archive.size(original) + _MARGIN)

    @cache  # one pass over the compressed archive, not one for each file
    def contents() -> dict[str, tuple[str, bytes]]:
        try:
            return {PurePosixPath(name).stem: (name, content) for name, content in members()}
        except _DAMAGE as error:
            raise DataError(f"{tar}: cannot be read: {error}. Fetch it again.") from error

    def read(original: Original) -> bytes:
        found = contents().get(original.name.removesuffix(".bin"))
        if found is None:
            raise DataError(f"{tar}: {original.name.removesuffix('.bin')}[.bin] is missing in it")
        name, content = found
        return _records(archive, original, f"{tar}: {name}", content)

    return read


def _records(archive: Archive, original: Original, name: str, content: bytes) -> bytes:
    """Return `content` as published: a batch of the Python version becomes binary records."""
    if original.holds != "records" or name.endswith(".bin"):
        return content
    batch = load_pickle(content, name)
    try:
        data, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
        if data.dtype != np.uint8 or data.shape != (original.count, prod(archive.shape)):
            expected = f"uint8 ({original.count}, {prod(archive.shape)})"
            raise DataError(f"{name}: data must be {expected}, not {data.dtype} {data.shape}")
        return archive.pack(original, data, labels.astype(np.uint8))
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        expected = "a CIFAR-10 batch with data and labels"
        raise DataError(f"{name}: expected {expected}: {error}") from error
