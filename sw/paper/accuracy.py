"""Table 1, and figures 8 and 9: parameters to train, and accuracy epoch by epoch."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from sw.cli import InputError

from . import published
from .runs import StoredRun, plain_runs
from .statistics import mean_interval

__all__ = ["BANKS", "accuracy_figure", "baselines", "parameter_table"]

BANKS = ("none", "hlac25")


def parameter_table(runs: list[StoredRun]) -> dict[str, Any]:
    """Table 1: weights of the first CIFAR-10 layer that have a gradient, beside the paper's."""
    table: dict[str, Any] = {"paper": dict(published.PARAMETERS), "ours": {}, "bytes": {}}
    for bank in BANKS:
        run = plain_runs(runs, "cifar10", bank)[0]
        table["ours"][bank] = run.record["first_layer"]["trainable"]
        network = run.record["network"]
        table["bytes"][bank] = network["gradient_bytes"] + network["optimiser_bytes"]
    table["reduction_percent"] = 100 * (1 - table["ours"]["hlac25"] / table["ours"]["none"])
    return table


def accuracy_figure(runs: list[StoredRun], data: str) -> dict[str, Any]:
    """Figure 8 (MNIST) or 9 (CIFAR-10): top-1 and top-5 by epoch, means over the seeds.

    Returns
    -------
    dict
        For each bank ``seeds``, ``epoch``, and for ``top1`` and ``top5`` each ``mean``, ``low``
        and ``high`` by epoch (the seeds' least and greatest) and ``final``; and ``difference``,
        how far the templated network is below, in points.
    """
    figure: dict[str, Any] = {"data": data}
    for bank in BANKS:
        chosen = plain_runs(runs, data, bank)
        figure[bank] = {
            "seeds": [run.option("seed") for run in chosen],
            "epoch": [int(line["epoch"]) for line in chosen[0].metrics],
            **{name: _curve(chosen, name) for name in ("top1", "top5")},
        }
    figure["difference"] = {
        name: figure["none"][name]["final"]["mean"] - figure["hlac25"][name]["final"]["mean"]
        for name in ("top1", "top5")
    }
    return figure


def baselines(runs: list[StoredRun]) -> list[dict[str, Any]]:
    """Every kind of run that is stored, with its accuracy and its size; the best first."""
    kinds: dict[tuple[str, ...], list[StoredRun]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    rows: list[dict[str, Any]] = []
    for (data, system, bank, stages, format_name), same in sorted(kinds.items()):
        rows.append(
            {
                "data": data,
                "system": system,
                "templates": bank,
                "stages": stages,
                "format": format_name,
                "top1": mean_interval([run.record["result"]["top1"] for run in same]),
                "top5": mean_interval([run.record["result"]["top5"] for run in same]),
                "trainable": same[0].record["network"]["trainable"],
                "first_layer_trainable": same[0].record["first_layer"]["trainable"],
                "cpu_seconds": float(np.mean([r.record["costs"]["cpu_seconds"] for r in same])),
                "peak_memory_mib": max(r.record["costs"]["peak_memory_mib"] for r in same),
            }
        )
    return sorted(rows, key=lambda row: (row["data"], -row["top1"]["mean"]))


def _kind(run: StoredRun) -> tuple[str, ...]:
    """What a run is but for its seed: data, system, bank, stages and format."""
    bank = PurePath(run.option("templates")).stem
    if run.option("fixed") is not None:
        bank += f"-f{run.option('fixed')}"
    data, system = run.option("data"), run.option("system")
    return data, system, bank, run.option("stages"), run.option("format")


def _curve(runs: list[StoredRun], name: str) -> dict[str, Any]:
    lengths = {len(run.metrics) for run in runs}
    if len(lengths) > 1:
        raise InputError(f"{runs[0].record['name']}: its seeds have different numbers of epochs")
    values = np.array([[line[name] for line in run.metrics] for run in runs])
    return {
        "mean": values.mean(axis=0).tolist(),
        "low": values.min(axis=0).tolist(),
        "high": values.max(axis=0).tolist(),
        "final": mean_interval(values[:, -1]),
    }
