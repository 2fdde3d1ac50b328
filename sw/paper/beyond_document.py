"""The sections of the page on what the paper leaves open."""

from __future__ import annotations

from typing import Any

from .markup import markdown_table, percent

__all__ = ["beyond_sections", "format_table", "saving_table", "witness_table"]

_DATA = {"mnist": "MNIST", "cifar10": "CIFAR-10"}


def beyond_sections(paper: dict[str, Any]) -> list[str]:
    """Formats, banks, savings and the witness, those of them that are on record."""
    return [
        *_formats(paper["formats"]),
        *_banks(paper["banks"]),
        *_saving(paper["saving"]),
        *_witness(paper["witness"]),
    ]


def _formats(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    what = (
        "Trained on for a few epochs with weights and activations rounded; below: how many points "
        "lower than the float run it began with (negative: higher)."
    )
    return ["## Quantised", what, format_table(rows)]


def format_table(rows: list[dict[str, Any]]) -> str:
    """The table of :func:`sw.paper.beyond.format_rows`."""
    lines = [
        [r["name"], r["format"], f"{r['float']:.2f} %", f"{r['top1']:.2f} %", f"{r['below']:+.2f}"]
        for r in rows
    ]
    return markdown_table(["run", "format", "top-1, float", "top-1", "below"], lines)


def _banks(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        [
            f"{_DATA[row['data']]}, {row['bank']}",
            str(row["fixed"]),
            percent(row["top1"]),
            str(row["trainable"]),
            "unknown" if row["adders"] is None else str(row["adders"]),
            f"{row['rank']:.1f}",
        ]
        for row in rows
    ]
    head = ["bank", "fixed of 32", "top-1", "trained weights", "adders", "effective rank"]
    picture = "![accuracy against trained weights and against adders](banks.svg)"
    what = (
        "Trained weights: of the first layer. Adders: two-input ones of the bank as the engine "
        "builds it, by `python -m bench.banks`. Effective rank: of the 32 trained kernels' outputs "
        "on real images, 1 if all say the same."
    )
    return ["## Banks", picture, what, markdown_table(head, lines)]


def _saving(report: dict[str, Any] | None) -> list[str]:
    if report is None:
        return []
    what = (
        "The same steps in turn in one process: processor time as a ratio to the network without "
        f"fixed kernels (`{report['command']}`)."
    )
    return ["## What fixed kernels save in training", what, saving_table(report)]


def saving_table(report: dict[str, Any]) -> str:
    """The table of a report of ``python -m sw.train.saving``."""
    rows = [
        [
            f"{_DATA[data]}, {name}",
            f"{row['cpu_ratio']['mean']:.3f} ± {row['cpu_ratio']['ci95']:.3f}",
            f"{row['trainable']:,}",
            f"{row['gradient_bytes'] + row['optimiser_bytes']:,}",
        ]
        for data in _DATA
        for name, row in report[data].items()
    ]
    head = ["fixed kernels", "time", "weights trained", "bytes of gradients and optimiser"]
    return markdown_table(head, rows)


def _witness(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    what = (
        f"Multiplications an image of the trained first CIFAR-10 layer in fixed8 on the same "
        f"{rows[0]['images']:,} images. Estimate: distinct pairs of an image, as tables 2 and 3 "
        "count them. Executed: the counter of the RTL, whose table keeps what it has learned from "
        "image to image and whose templates never multiply (`python -m sim.witness`)."
    )
    return ["## The witness: what the RTL multiplies", what, witness_table(rows)]


def witness_table(rows: list[dict[str, Any]]) -> str:
    """The table of :func:`sw.paper.beyond.witness_rows`."""
    names = {"none": "without templates", "hlac25": "with HLAC-25"}
    lines = [
        [
            f"{names[row['bank']]} (`{row['engine']}`)",
            f"{row['needed']:,.0f}",
            f"{row['estimate']:,.1f}",
            f"{row['first']:,}",
            f"{row['executed']:,.1f}",
            f"{100 * row['executed'] / row['needed']:.4f} %",
        ]
        for row in rows
    ]
    head = ["layer", "needed", "estimate", "executed, first image", "executed, mean", "of needed"]
    return markdown_table(head, lines)
