"""What the data sets are: their original files, and the proof that bytes are those files.

Whatever a data set comes from (the usual files, a package, our own ``.npz``), it is brought into
the byte form in which its authors published it and compared with the well-known MD5 of that file.
So one check, :func:`assemble`, stands between every source and every user.

MNIST is published as IDX files [1]_; CIFAR-10 as records of one label and 3072 pixels [2]_.

References
----------
.. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.
.. [2] A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ARCHIVES",
    "Archive",
    "Arrays",
    "DataError",
    "Dataset",
    "Original",
    "Source",
    "Split",
    "archive_of",
    "assemble",
    "splits_of",
]

Split = Literal["train", "test"]
Arrays = dict[str, NDArray[np.uint8]]
"""``x_train``, ``y_train``, ``x_test``, ``y_test``: images (N, C, H, W) and labels (N,)."""


class DataError(ValueError):
    """Data that is missing, damaged or asked for wrongly; the message names the remedy."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their labels.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, C, H, W)
        Pixels, 0 (black) to 255. Colours are planes in the order red, green, blue.
    labels : ndarray of uint8, shape (N,)
        Classes, 0 to 9, in the order of the data set's authors.
    source : str
        Where the images come from, for reports.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    source: str

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class Original:
    """One file as the data set's authors published it.

    Parameters
    ----------
    name : str
        The published name.
    md5 : str
        MD5 of the whole file, in hexadecimal.
    holds : {"images", "labels", "records"}
        IDX of images, IDX of labels, or records of a label byte and the image's bytes.
    split : {"train", "test"}
        The split that it belongs to.
    count, start : int
        How many images it holds, and where in the split they start.
    """

    name: str
    md5: str
    holds: Literal["images", "labels", "records"]
    split: Split
    count: int
    start: int = 0

    @property
    def span(self) -> slice:
        """Where in its split the file's images are."""
        return slice(self.start, self.start + self.count)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A data set: the shape of its images and its original files.

    Parameters
    ----------
    name : str
        The name used on the command line and as file name.
    title : str
        Name and author, for messages and reports.
    shape : tuple of int
        (C, H, W) of an image.
    originals : tuple of Original
        All files of both splits.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    originals: tuple[Original, ...]

    def count(self, split: Split) -> int:
        """Return the number of images in `split`."""
        return max(o.start + o.count for o in self.originals if o.split == split)

    def size(self, original: Original) -> int:
        """Return the length of `original` in bytes."""
        if original.holds == "records":
            return original.count * (1 + prod(self.shape))
        return len(self._idx_header(original)) + original.count * prod(self._item(original))

    def pack(
        self, original: Original, images: NDArray[np.uint8], labels: NDArray[np.uint8]
    ) -> bytes:
        """Return the bytes of `original`, given its own images and labels (any shape)."""
        if original.holds == "records":
            rows = images.reshape(original.count, -1)
            return np.concatenate([labels.reshape(-1, 1), rows], axis=1).tobytes()
        body = images if original.holds == "images" else labels
        return self._idx_header(original) + body.tobytes()

    def unpack(self, original: Original, content: bytes, into: Arrays) -> None:
        """Write the images, the labels or both of `original` to their place in `into`."""
        images, labels = into[f"x_{original.split}"], into[f"y_{original.split}"]
        if original.holds == "records":
            rows = np.frombuffer(content, np.uint8).reshape(original.count, -1)
            labels[original.span] = rows[:, 0]
            images[original.span] = rows[:, 1:].reshape(-1, *self.shape)
            return
        body = np.frombuffer(content, np.uint8, offset=len(self._idx_header(original)))
        array = images if original.holds == "images" else labels
        array[original.span] = body.reshape(array[original.span].shape)

    def _item(self, original: Original) -> tuple[int, ...]:
        return self.shape[1:] if original.holds == "images" else ()

    def _idx_header(self, original: Original) -> bytes:
        # IDX: two zero bytes, 8 for unsigned bytes, the number of dimensions, then each of them.
        dims = (original.count, *self._item(original))
        return struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A place that original files can be read from.

    Parameters
    ----------
    name : str
        What to call it in messages.
    remedy : str
        What the user can do if a file of it is wrong.
    read : callable
        Returns the bytes of an original file, not yet verified; raises `DataError`.
    """

    name: str
    remedy: str
    read: Callable[[Original], bytes]


def _idx(split: Split, holds: Literal["images", "labels"], count: int, md5: str) -> Original:
    kind = "images-idx3" if holds == "images" else "labels-idx1"
    name = f"{'train' if split == 'train' else 't10k'}-{kind}-ubyte"
    return Original(name=name, md5=md5, holds=holds, split=split, count=count)


def _batch(split: Split, number: int, md5: str) -> Original:
    name = f"data_batch_{number + 1}.bin" if split == "train" else "test_batch.bin"
    start = 10000 * number
    return Original(name=name, md5=md5, holds="records", split=split, count=10000, start=start)


_MNIST = Archive(
    name="mnist",
    title="MNIST (LeCun, Cortes, Burges 1998)",
    shape=(1, 28, 28),
    originals=(
        _idx("train", "images", 60000, "6bbc9ace898e44ae57da46a324031adb"),
        _idx("train", "labels", 60000, "a25bea736e30d166cdddb491f175f624"),
        _idx("test", "images", 10000, "2646ac647ad5339dbf082846283269ea"),
        _idx("test", "labels", 10000, "27ae3e4e09519cfbb04c329615203637"),
    ),
)
_CIFAR10 = Archive(
    name="cifar10",
    title="CIFAR-10 (Krizhevsky 2009)",
    shape=(3, 32, 32),
    originals=(
        _batch("train", 0, "5dd7e06a14cb22eb9f671a540d1b7c25"),
        _batch("train", 1, "5ea93a67294ea407fff1d09f752e9692"),
        _batch("train", 2, "942cd6a4bcdd0dd3c604fbe906cb4421"),
        _batch("train", 3, "ae636b3ba5c66a11e91e8cb52e771fcb"),
        _batch("train", 4, "53f37980c15c3d472c316c40844f3f0d"),
        _batch("test", 0, "803d5f7f4d78ea53de84dbe85f74fb6d"),
    ),
)
ARCHIVES: Mapping[str, Archive] = MappingProxyType({a.name: a for a in (_MNIST, _CIFAR10)})
"""The data sets by name."""


def archive_of(name: str) -> Archive:
    """Return the data set called `name`; `DataError` if there is none."""
    if name not in ARCHIVES:
        known = " or ".join(f'"{known}"' for known in sorted(ARCHIVES))
        raise DataError(f"data set must be {known}, not {name!r}")
    return ARCHIVES[name]


def splits_of(split: str | None = None) -> tuple[Split, ...]:
    """Return the named split, or both for None; `DataError` if there is no such split."""
    known: tuple[Split, ...] = ("train", "test")
    if split is None:
        return known
    for candidate in known:
        if candidate == split:
            return (candidate,)
    raise DataError(f'split must be "train" or "test", not {split!r}')


def assemble(
    archive: Archive,
    source: Source,
    *,
    splits: tuple[Split, ...],
    done: Callable[[Original], None] = lambda _: None,
) -> Arrays:
    """Read the original files of `splits` from `source`, verify each and lay them out as arrays.

    Parameters
    ----------
    archive : Archive
        The data set.
    source : Source
        Where its files are.
    splits : tuple of {"train", "test"}
        Which of them to read.
    done : callable
        Called after each file, for progress.

    Returns
    -------
    dict of ndarray of uint8
        ``x_SPLIT`` (N, C, H, W) and ``y_SPLIT`` (N,) for each split.

    Raises
    ------
    DataError
        A file is missing, or its MD5 is not that of the published file.
    """
    arrays: Arrays = {}
    for split in splits:
        arrays[f"x_{split}"] = np.zeros((archive.count(split), *archive.shape), np.uint8)
        arrays[f"y_{split}"] = np.zeros(archive.count(split), np.uint8)
    for original in (o for o in archive.originals if o.split in splits):
        content = source.read(original)
        _verify(archive, original, content, source)
        archive.unpack(original, content, arrays)
        done(original)
    return arrays


def _verify(archive: Archive, original: Original, content: bytes, source: Source) -> None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != original.md5:
        raise DataError(
            f"{source.name}: {original.name} is not the published file: "
            f"{len(content)} bytes with MD5 {md5}, expected {archive.size(original)} bytes "
            f"with MD5 {original.md5}. {source.remedy}"
        )
