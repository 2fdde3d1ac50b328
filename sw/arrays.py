"""Array files from users: whatever is wrong with one is a ValueError that says so in a line.

NumPy and the modules behind it raise a dozen kinds of exception for damaged files.
"""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["read_npy", "read_npz"]

_DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,  # a header that announces more than there is
    OverflowError,
    KeyError,
    RuntimeError,  # an encrypted archive; NotImplementedError is one: an unknown compression
    SyntaxError,
    TypeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_ZIP_MAGIC, _NPY_MAGIC = b"PK", b"\x93NUMPY"


def read_npy(path: Path) -> npt.NDArray[np.generic]:
    """The array of a ``.npy`` file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a readable ``.npy`` file; the message does not name it.
    """
    # np.load leaves a file open that it cannot read, so it gets one that is open.
    with _reading(".npy"), path.open("rb") as stream:
        _check_magic(stream, _NPY_MAGIC, "a .npy")
        return np.load(stream, allow_pickle=False)


def read_npz(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of an ``.npz`` file, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a readable ``.npz`` file of arrays; the message does not name it.
    """
    with _reading(".npz"), path.open("rb") as stream:
        _check_magic(stream, _ZIP_MAGIC, "an .npz")
        with np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
        if strange:
            raise ValueError(f"{strange[0]} in it is no array")
    return arrays


class _WrongKindError(ValueError):
    """A file that is something else altogether."""


@contextmanager
def _reading(kind: str) -> Iterator[None]:
    """Turn whatever a damaged file raises into a ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that could still be understood
            yield
    except (FileNotFoundError, _WrongKindError):
        raise
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ValueError(f"not a readable {kind} file: {reason}") from error


def _check_magic(stream: BinaryIO, magic: bytes, kind: str) -> None:
    """Say what the file is not; NumPy's own message for a wrong one is about pickles."""
    start = stream.read(len(_NPY_MAGIC))
    stream.seek(0)
    if not start.startswith(magic):
        kinds = {_ZIP_MAGIC: "an .npz or other archive", _NPY_MAGIC: "a single array (.npy)"}
        found = next((name for m, name in kinds.items() if start.startswith(m)), "something else")
        raise _WrongKindError(f"expected {kind} file, found {found}")
