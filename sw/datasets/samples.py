"""The real images that are in the repository, so that nothing needs a download to start."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sw.datasets.catalogue import DataError, Dataset, archive_of, assemble
from sw.datasets.codec import decode, encode
from sw.datasets.folder import folder_source
from sw.datasets.store import write_whole

__all__ = ["SAMPLES", "SAMPLE_COUNT", "load_samples", "write_samples"]

SAMPLES = Path(__file__).parent.parent / "samples"
"""The folder of the samples; its README.md names their origin."""
SAMPLE_COUNT: Mapping[str, int] = MappingProxyType({"cifar10": 1000, "mnist": 1000})
_SUMS = "SHA256SUMS"


def load_samples(name: str, folder: str | Path | None = None) -> Dataset:
    """Return the images of the repository: the first 1,000 of the test set, in its order.

    Parameters
    ----------
    name : {"cifar10", "mnist"}
        The data set.
    folder : path, optional
        Where ``NAME.npz`` and ``SHA256SUMS`` are, if not in ``sw/samples``.

    Returns
    -------
    Dataset
        CIFAR-10: images (1000, 3, 32, 32), red, green, blue planes. MNIST: (1000, 1, 28, 28),
        ink is 255. Decoding takes a fraction of a second.

    Raises
    ------
    DataError
        No such data set; the file is missing, or its SHA-256 is not the recorded one.
    """
    archive, folder = archive_of(name), SAMPLES if folder is None else Path(folder)
    path = folder / f"{name}.npz"
    remedy = f"Restore it: `git checkout -- {folder}`."
    try:
        content, sums = path.read_bytes(), (folder / _SUMS).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read with its {_SUMS}: {error}. {remedy}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    recorded = {file: digest for digest, file in (line.split() for line in sums.splitlines())}
    if sha256 != recorded.get(path.name):
        expected = recorded.get(path.name, f"one in {_SUMS}")
        raise DataError(f"{path}: SHA-256 is {sha256}, expected {expected}. {remedy}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            images, labels = decode(stored["images"].tobytes()), stored["labels"]
    except (LookupError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a file of samples: {error}. {remedy}") from error
    return Dataset(images, labels, f"{archive.title}, first {len(labels)} of the test set")


def write_samples(folder: Path, origin: Path) -> list[Path]:
    """Make the sample files and their ``SHA256SUMS`` in `folder`.

    Parameters
    ----------
    folder : Path
        Where to write; nothing is written before all files are ready.
    origin : Path
        A folder with the test sets: the usual files, or what ``python -m sw.data`` stored.

    Returns
    -------
    list of Path
        The files written. The same images give the same bytes.

    Raises
    ------
    DataError
        A test set is missing or not the published one, or `folder` is not writable.
    """
    contents: dict[str, bytes] = {}
    for name, count in SAMPLE_COUNT.items():
        archive = archive_of(name)
        arrays = assemble(archive, folder_source(archive, origin), splits=("test",))
        stream = io.BytesIO()
        images = np.frombuffer(encode(arrays["x_test"][:count]), np.uint8)
        np.savez(stream, allow_pickle=False, images=images, labels=arrays["y_test"][:count])
        contents[f"{name}.npz"] = stream.getvalue()
    digests = [f"{hashlib.sha256(c).hexdigest()}  {file}\n" for file, c in contents.items()]
    contents[_SUMS] = "".join(digests).encode("ascii")
    for file, content in contents.items():
        write_whole(folder / file, content)
    return [folder / file for file in contents]
