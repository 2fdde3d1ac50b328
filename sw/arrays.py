"""Array files from users: whatever is wrong with one is a ValueError that says so in a line.

NumPy and the modules behind it raise a dozen kinds of exception for damaged files.
"""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path

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
    _check_magic(path, _NPY_MAGIC, ".npy file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.load(path, allow_pickle=False)
    except _DAMAGE as error:
        raise ValueError(f"not a readable .npy file: {error}") from error
    return array


def read_npz(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of an ``.npz`` file, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a readable ``.npz`` file of arrays; the message does not name it.
    """
    _check_magic(path, _ZIP_MAGIC, ".npz file")
    try:
        with warnings.catch_warnings(), np.load(path, allow_pickle=False) as file:
            warnings.simplefilter("ignore")
            arrays = {name: file[name] for name in file.files}
    except _DAMAGE as error:
        raise ValueError(f"not a readable .npz file: {error}") from error
    strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise ValueError(f"not a readable .npz file: {strange[0]} in it is no array")
    return arrays


def _check_magic(path: Path, magic: bytes, kind: str) -> None:
    """Say what the file is not; NumPy's own message for a wrong one is about pickles."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_NPY_MAGIC))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"not a readable {kind}: {error.strerror}") from error
    if not start.startswith(magic):
        found = {_ZIP_MAGIC: "an .npz or other archive", _NPY_MAGIC: "a single array (.npy)"}
        what = next((text for m, text in found.items() if start.startswith(m)), "something else")
        raise ValueError(f"expected an {kind}, found {what}".replace("an .npy", "a .npy"))
