"""Rows as they come, kept whole: SQLite, so that no kill loses or doubles one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from sw.cli import InputError, check_folder

__all__ = ["FILE", "Store"]

FILE = "results.sqlite"
_SCHEMA = 1
_TABLES = """\
create table if not exists about (name text primary key, value text not null) strict;
create table if not exists points (
    number integer primary key,
    key text not null unique,
    row text not null
) strict;
"""


class Store:
    """The rows of a sweep in a folder; a context manager. One process writes.

    Parameters
    ----------
    folder : Path
        Made if missing.
    about : mapping, optional
        What all rows share. Where the folder holds rows, they must have been made with the same;
        without it, the folder is only read.
    resume : bool
        Whether rows may be there.

    Raises
    ------
    InputError
        If there are rows and may not be, or others than these; if there are none to read; if the
        file is not one of ours.
    """

    def __init__(
        self, folder: Path, *, about: Mapping[str, Any] | None = None, resume: bool = False
    ) -> None:
        self.path = folder / FILE
        if about is None and not self.path.is_file():
            raise InputError(f"{folder}: no {FILE} there; expected the --out of a sweep")
        if about is not None:
            check_folder(folder)
            folder.mkdir(parents=True, exist_ok=True)
        there = self.path.exists()
        if there and about is not None and not resume:
            raise InputError(
                f"{self.path}: holds a sweep already; give --resume to go on with it, or another "
                "--out"
            )
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            self._open(about, there=there)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, about: Mapping[str, Any] | None, *, there: bool) -> None:
        try:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.executescript(_TABLES)
            kept = self.about()
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.path}: not the results of a sweep: {error}") from error
        wanted = {"schema": _SCHEMA, **(about or kept)}
        if there and kept:
            for name, value in wanted.items():
                if kept.get(name) != value:
                    raise InputError(
                        f"{self.path}: its rows have {name} = {_short(kept.get(name))}, this sweep "
                        f"has {_short(value)}; give another --out"
                    )
        with self._connection:
            self._connection.executemany(
                "insert or replace into about values (?, ?)",
                [(name, json.dumps(value)) for name, value in wanted.items()],
            )

    def about(self) -> dict[str, Any]:
        """What all rows share."""
        with closing(self._connection.execute("select name, value from about")) as found:
            return {name: json.loads(value) for name, value in found}

    def rows(self) -> list[dict[str, Any]]:
        """All rows, in the order in which they came."""
        with closing(self._connection.execute("select row from points order by number")) as found:
            return [json.loads(row) for (row,) in found]

    def put(self, row: Mapping[str, Any]) -> None:
        """Keep a row, in the place of the one with its ``key`` if there is one."""
        self._connection.execute(
            "insert into points (key, row) values (?, ?) "
            "on conflict (key) do update set row = excluded.row",
            (row["key"], json.dumps(row)),
        )

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
