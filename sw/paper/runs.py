"""Stored training runs, read back: records, metrics and first layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.arrays import read_npz
from sw.cli import InputError

__all__ = ["StoredRun", "find", "load_runs", "plain_runs"]

_LATER = {"stages": "", "format": "float"}
"""Options that came after the first runs, as those had them."""


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run of ``reports/training``.

    Parameters
    ----------
    folder : Path
    record : dict
        What ``run.json`` holds.
    metrics : list of dict
        An epoch each: ``epoch``, ``loss``, ``test_loss``, ``top1``, ``top5``.
    """

    folder: Path
    record: dict[str, Any]
    metrics: list[dict[str, float]]

    def option(self, name: str) -> Any:
        """An option that it was made with."""
        return {**_LATER, **self.record["options"]}[name]

    def kernels(self, when: str) -> npt.NDArray[np.float32]:
        """The first layer, (K, C, kh, kw): ``initial`` or ``trained``."""
        path = self.folder / "kernels.npz"
        try:
            return read_npz(path)[when].astype(np.float32)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: no readable kernels of a first layer: {error}") from error


def load_runs(folder: Path) -> list[StoredRun]:
    """All runs stored in ``folder``, by name.

    Raises
    ------
    InputError
        If there are none, or one is damaged.
    """
    runs = [_load(path.parent) for path in sorted(folder.glob("*/run.json"))]
    if not runs:
        raise InputError(f"{folder}: no stored runs; `make train` makes them")
    return runs


def _load(folder: Path) -> StoredRun:
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        metrics = [json.loads(line) for line in lines]
        wanted = (record["options"]["data"], record["result"]["top1"], metrics[-1]["top5"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{folder}: not a stored run: {error!r}; remove it, or train it"
        ) from error
    del wanted
    return StoredRun(folder=folder, record=record, metrics=metrics)


def find(runs: list[StoredRun], **options: Any) -> list[StoredRun]:
    """The runs with these options, by seed."""
    found = [r for r in runs if all(r.option(name) == value for name, value in options.items())]
    return sorted(found, key=lambda run: run.option("seed"))


def plain_runs(runs: list[StoredRun], data: str, bank: str) -> list[StoredRun]:
    """The plain networks with this bank, all of it fixed: a run a seed, at least one.

    Raises
    ------
    InputError
        If none is stored.
    """
    usual = {"fixed": None, "samples": False, "stages": "", "format": "float"}
    found = find(runs, data=data, system="plain", templates=bank, **usual)
    if not found:
        raise InputError(f"no stored run {data}-plain-{bank}; `make train` makes it")
    return found
