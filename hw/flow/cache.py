"""Results of the flow's steps, kept by a hash of everything that went into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType

from sw.work_folder import work_folder

__all__ = ["Entry", "cache_folder", "cached", "key_of", "share"]

_SCHEMA = 2
"""Raise it when the meaning of a cached folder's files changes."""


def cache_folder() -> Path:
    """Where results are kept: ``KATAZOME_CACHE``, or ``build/cache`` below the working folder."""
    return Path(os.environ.get("KATAZOME_CACHE") or "build/cache").absolute()


def key_of(**parts: object) -> str:
    """A key for what ``parts`` make: the same for the same JSON."""
    text = json.dumps({"schema": _SCHEMA} | parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def share(source: Path, target: Path) -> None:
    """Make ``target`` the same file, or a copy where the file system has no links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


class Entry:
    """One result in the cache, or a place to make it in; a context manager.

    A result appears whole or not at all: write into :attr:`partial`, then :meth:`publish`. What
    was not published is removed at the end, or by the next process if this one is killed. Of two
    processes that make the same, the first one's stays.

    Parameters
    ----------
    name : str
        Of the step, for people who look into the cache.
    key : str
        From :func:`key_of`.
    """

    def __init__(self, name: str, key: str) -> None:
        self._name = name
        self._at_end = ExitStack()
        self.folder = cache_folder() / f"{name}-{key}"
        """The result, once it is known."""

    @property
    def is_known(self) -> bool:
        """Whether there is nothing to make."""
        return self.folder.is_dir()

    @cached_property
    def partial(self) -> Path:
        """An empty folder to make the result in."""
        return self._at_end.enter_context(work_folder(self.folder.parent, self._name))

    def publish(self) -> None:
        """Make what is in :attr:`partial` the result."""
        shutil.rmtree(self.partial / ".tmp", ignore_errors=True)
        try:
            self.partial.rename(self.folder)
        except OSError:
            if not self.is_known:  # otherwise another process was faster
                raise

    def __enter__(self) -> Entry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._at_end.close()


def cached(
    name: str, key: str, make: Callable[[Path], None], files: Mapping[str, str] | None = None
) -> Path:
    """The folder with the results of a step, made now if it was not before.

    Parameters
    ----------
    name, key : str
        See :class:`Entry`.
    make : function
        Writes the results into the folder that it is given.
    files : mapping, optional
        Texts by file name, put there before.
    """
    with Entry(name, key) as entry:
        if not entry.is_known:
            for file, text in (files or {}).items():
                path = entry.partial / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            make(entry.partial)
            entry.publish()
        return entry.folder
