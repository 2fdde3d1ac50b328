"""Folders to work in that are gone afterwards, also where the process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["work_folder"]

_PREFIX = ".work-"
"""Of their names, and of no other: what begins so may be removed."""


@contextmanager
def work_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder below ``parent``, removed at the end; it may be renamed before.

    A process that is killed cannot tidy up: the next one that works below ``parent`` removes what
    it left. A folder belongs to whoever holds its lock, which the system frees with the process.

    Parameters
    ----------
    parent : Path
        Made if it is missing.
    name : str
        What it is for; the folder's name ends with it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with _locked(parent):  # so that nobody finds a new folder before its lock is held
            _remove_leftovers(parent)
            folder = Path(tempfile.mkdtemp(f"-{name}", _PREFIX, parent.absolute()))
            held.enter_context(_locked(folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder, wait=False):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder's lock.

    Raises
    ------
    OSError
        If there is no such folder or, without ``wait``, another holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
