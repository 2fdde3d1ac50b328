"""The tables and figures as a page of Markdown."""

from __future__ import annotations

from typing import Any

from .beyond_document import beyond_sections
from .markup import markdown_table, percent
from .pair_tables import DRAWS, IMAGES_A_DRAW, INITIALISATIONS
from .published import FORMATS

__all__ = ["markdown"]


def markdown(paper: dict[str, Any]) -> str:
    """The page that stands beside ``paper.json``.

    Parameters
    ----------
    paper : dict
        As the command writes it.
    """
    source = (
        f"By `python -m sw.paper` from {paper['source']['runs']} stored training runs and "
        f"{paper['source']['images']:,} CIFAR-10 test images. The columns `paper` are of the paper."
    )
    parts = [
        "# The paper's tables and figures, measured",
        source,
        *_parameters(paper["table1"]),
        *_pairs(2, "without templates", paper["table2"]),
        *_pairs(3, "with the 25 HLAC templates", paper["table3"]),
        *_accuracy(8, "MNIST", paper["figure8"]),
        *_accuracy(9, "CIFAR-10", paper["figure9"]),
        *beyond_sections(paper),
        *_systems(paper["systems"]),
    ]
    return "\n\n".join(parts) + "\n"


def _parameters(table: dict[str, Any]) -> list[str]:
    names = {"none": "without templates", "hlac25": "with HLAC-25"}
    rows = [
        [names[bank], str(table["ours"][bank]), str(table["paper"][bank])] for bank in table["ours"]
    ]
    head = ["first CIFAR-10 layer", "weights with a gradient", "paper"]
    saved = f"{table['reduction_percent']:.1f} % fewer weights to train in that layer."
    return ["## Table 1: parameters to train", markdown_table(head, rows), saved]


def _pairs(number: int, title: str, table: dict[str, Any]) -> list[str]:
    what = (
        f"Mean of an image's pairs over {DRAWS} draws of {IMAGES_A_DRAW} images. Before training "
        f"the draws take {INITIALISATIONS} initialisations in turn, after it the weights of "
        f"{', '.join(f'`{name}`' for name in table['runs'])}. An image needs "
        f"{table['multiplications']:,} multiplications."
    )
    matched = (
        "Draws with as many distinct float32 pairs as the paper's images, which are not known; "
        "weights before training:"
    )
    return [
        f"## Table {number}: how often operand pairs repeat, {title}",
        what,
        matched,
        _repeats(table, "initial", "matched"),
        "Plain draws. After ±: 95 % interval of the mean; then 95 % of the single draws:",
        _distinct(table),
        "Rows of the plain draws, before training:",
        _repeats(table, "initial", "drawn"),
        "The same, after training:",
        _repeats(table, "trained", "drawn"),
    ]


def _repeats(table: dict[str, Any], when: str, which: str) -> str:
    head = ["repeats", *(f"{name} {who}" for name in FORMATS for who in ("ours", "paper"))]
    ours, paper = table[when][which], table["paper"]
    rows = [
        [name, *(f"{v[i]:,.1f}" for f in FORMATS for v in _both(ours, paper, f))]
        for i, name in enumerate(table["rows"])
    ]
    last = ["distinct pairs"]
    for name in FORMATS:
        last += [f"{ours[name]['distinct']['mean']:,.1f}", f"{paper[name]['distinct']:,.1f}"]
    return markdown_table(head, [*rows, last])


def _both(
    ours: dict[str, Any], paper: dict[str, Any], name: str
) -> tuple[list[float], list[float]]:
    return ours[name]["repeats"], paper[name]["repeats"]


def _distinct(table: dict[str, Any]) -> str:
    rows: list[list[str]] = []
    for when in ("initial", "trained"):
        for name in FORMATS:
            column, off = table[when]["drawn"][name], table[when]["matched"][name]["off_percent"]
            pairs = column["distinct"]
            rows.append(
                [
                    f"{when}, {name}",
                    f"{pairs['mean']:,.0f} ± {pairs['ci95']:,.0f}",
                    f"{pairs['low']:,.0f} to {pairs['high']:,.0f}",
                    f"{column['executed_percent']:.2f} %",
                    f"{table['paper'][name]['distinct']:,.1f}",
                    f"{off:+.2f} %",
                ]
            )
    head = ["weights", "distinct pairs", "single draws", "of all", "paper", "matched: off by"]
    return markdown_table(head, rows)


def _accuracy(number: int, title: str, figure: dict[str, Any]) -> list[str]:
    rows = [
        [label, *(percent(figure[bank][name]["final"]) for name in ("top1", "top5"))]
        for bank, label in (("none", "without templates"), ("hlac25", "with HLAC-25"))
    ]
    below = figure["difference"]
    note = (
        f"With templates {_points(below['top1'])} in top-1, {_points(below['top5'])} in top-5; the "
        "paper says slightly lower, without a large difference, and its curves are not known."
    )
    picture = f"![top-1 and top-5 accuracy by epoch](figure{number}.svg)"
    table = markdown_table(["after the last epoch", "top-1", "top-5"], rows)
    return [f"## Figure {number}: accuracy on {title}", picture, table, note]


def _points(below: float) -> str:
    return f"{abs(below):.2f} points {'lower' if below > 0 else 'higher'}"


def _systems(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        [
            " ".join(row[n] for n in ("data", "stages", "system", "templates", "format") if row[n]),
            percent(row["top1"]),
            percent(row["top5"]),
            f"{row['first_layer_trainable']:,}",
            f"{row['trainable']:,}",
            f"{row['cpu_seconds']:.0f}",
            f"{row['peak_memory_mib']:.0f}",
        ]
        for row in rows
    ]
    head = ["run", "top-1", "top-5", "first layer", "trained", "CPU s", "MiB"]
    what = (
        "After ±: 95 % interval of the mean over as many seeds as stand in brackets. Weights that "
        "are trained, in the first layer and in all; what a run took."
    )
    return ["## All systems", what, markdown_table(head, lines)]
