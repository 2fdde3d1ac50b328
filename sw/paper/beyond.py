"""Beyond the paper, from stored runs and reports: formats, banks, savings and the witness."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.cli import InputError
from sw.data import load_samples
from sw.pairs import pair_statistics

from .pair_tables import quantised
from .runs import StoredRun, find, plain_runs
from .spread import effective_rank, patch_covariance
from .statistics import mean_interval

__all__ = ["Reports", "bank_rows", "format_rows", "load_reports", "witness_rows"]

_DATA = ("mnist", "cifar10")


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Stored results of other commands, None where there is none.

    Parameters
    ----------
    banks : of ``python -m bench.banks``
    witness : of ``python -m sim.witness``
    saving : of ``python -m sw.train.saving``
    """

    banks: dict[str, Any] | None
    witness: dict[str, Any] | None
    saving: dict[str, Any] | None


def load_reports(folder: Path) -> Reports:
    """The reports ``banks.json``, ``witness.json`` and ``saving.json`` of a folder.

    Raises
    ------
    InputError
        If one is not readable.
    """

    def read(name: str) -> dict[str, Any] | None:
        path = folder / f"{name}.json"
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: not readable JSON: {error}; make it anew") from error

    return Reports(banks=read("banks"), witness=read("witness"), saving=read("saving"))


def format_rows(runs: list[StoredRun]) -> list[dict[str, Any]]:
    """Every quantised run beside the float run that it began with.

    Returns
    -------
    list of dict
        ``name`` of the float run, ``format``, ``float`` and ``top1`` in percent, ``below``: how
        many points the quantised one is lower.
    """
    rows: list[dict[str, Any]] = []
    by_name = {run.record["name"]: run for run in runs}
    for run in runs:
        name, format_name = run.record["name"], run.option("format")
        base = by_name.get(name.removesuffix(f"-{format_name}"))
        if format_name == "float" or base is None:
            continue
        before, after = (r.record["result"]["top1"] for r in (base, run))
        rows.append(
            {
                "name": base.record["name"],
                "format": format_name,
                "float": before,
                "top1": after,
                "below": before - after,
            }
        )
    return rows


def bank_rows(runs: list[StoredRun], reports: Reports) -> list[dict[str, Any]]:
    """The usual networks by bank: accuracy, weights that are trained, adders of the bank.

    Parameters
    ----------
    runs : list of StoredRun
    reports : Reports

    Returns
    -------
    list of dict
        ``data``, ``bank``, ``fixed`` kernels, ``top1`` (mean and 95 % interval over the seeds),
        ``trainable`` weights of the first layer, ``adders`` (None where not on record), ``rank``:
        the effective rank of the trained layer on real images, the mean over the seeds.
    """
    usual = find(runs, system="plain", stages="", format="float", samples=False)
    kinds: dict[tuple[str, str, int], list[StoredRun]] = {}
    for run in usual:
        layer = run.record["first_layer"]
        kernels = len(run.kernels("trained"))
        fixed = round(kernels * (1 - layer["trainable"] / layer["weights"]))
        bank = PurePath(run.option("templates")).stem
        kinds.setdefault((run.option("data"), bank, fixed), []).append(run)
    adders = reports.banks["adders"] if reports.banks else {}
    covariance = {data: patch_covariance(load_samples(data).images) for data in _DATA}
    rows = [
        {
            "data": data,
            "bank": bank,
            "fixed": fixed,
            "top1": mean_interval([run.record["result"]["top1"] for run in same]),
            "trainable": same[0].record["first_layer"]["trainable"],
            "adders": 0 if not fixed else adders.get(data, {}).get(bank, {}).get(str(fixed)),
            "rank": float(np.mean([_rank(run, covariance[data]) for run in same])),
        }
        for (data, bank, fixed), same in kinds.items()
    ]
    return sorted(rows, key=lambda row: (row["data"], row["fixed"], -row["top1"]["mean"]))


def _rank(run: StoredRun, covariance: npt.NDArray[np.float64]) -> float:
    return effective_rank(run.kernels("trained"), covariance)


def witness_rows(
    runs: list[StoredRun], images: npt.NDArray[np.uint8], reports: Reports
) -> list[dict[str, Any]]:
    """What the RTL's counters say beside the estimate of distinct pairs, an image on average.

    Parameters
    ----------
    runs : list of StoredRun
    images : array of uint8, shape (N, 3, 32, 32)
        The repository's.
    reports : Reports

    Returns
    -------
    list of dict
        A row a bank: ``needed``, ``estimate`` (distinct pairs of the same weights and images in
        fixed8), ``first`` (executed for the first image, with empty tables), ``executed`` (mean
        over all images), each a number of multiplications an image.
    """
    report = reports.witness
    if report is None:
        return []
    count = report["images"]
    rows: list[dict[str, Any]] = []
    for bank, layer in report["layers"].items():
        run = plain_runs(runs, "cifar10", bank)[0]
        weight = quantised(run.kernels("trained"), "fixed8")
        pairs = pair_statistics(images[:count], weight).distinct
        executed = {name: layer[name]["multiplications_executed"] for name in ("first", "all")}
        rows.append(
            {
                "bank": bank,
                "engine": layer["config"],
                "images": count,
                "needed": layer["all"]["multiplications_needed"] / count,
                "estimate": float(pairs.mean()),
                "first": executed["first"],
                "executed": executed["all"] / count,
            }
        )
    return rows
