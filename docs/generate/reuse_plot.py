"""The plot of reuse over time: what the tables of the paper's layer find, frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from docs.generate.drawing import GREY, INK, card, style, svg
from docs.generate.measure import frames_of
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.numeric import IntArray
from sw.reuse import CounterModel

__all__ = ["ENTRIES", "misses_by_frame", "reuse_figure"]

ENTRIES = (8, 16, 32, 64, 128, 256)
_WINDOW = 25  # frames that the left curves are averaged over
_LINE = 1.52  # height of a line of text on the right's logarithmic axis
_PAPER = 3.0  # per cent of the multiplications: the paper's estimate with templates, fixed8


def _config(entries: int) -> EngineConfig:
    return load_config("cifar10-layer1", assignments=[f"table.entries={entries}"])


def misses_by_frame(entries: int) -> IntArray:
    """Misses of each frame of the CIFAR-10 samples, from the table model."""
    config = _config(entries)
    return np.array([work.misses for work in CounterModel(config).feed(frames_of(config)[1])])


def reuse_figure(measured: dict[str, Any]) -> str:
    """The SVG: curves from the table model, points from the counters of the RTL."""
    misses = {entries: misses_by_frame(entries) for entries in ENTRIES}
    shades = colormaps["viridis"](np.linspace(0.08, 0.8, len(ENTRIES))[::-1])
    colours = {e: to_hex(shade) for e, shade in zip(ENTRIES, shades, strict=True)}
    with style():
        figure = Figure(figsize=(11, 4.6))
        card(figure)
        left = figure.add_axes((0.068, 0.14, 0.345, 0.66))
        right = figure.add_axes((0.535, 0.14, 0.335, 0.66))
        _hit_rate(left, misses, colours)
        _executed(right, misses, colours, measured["reuse"])
        return svg(figure)


def _title(axes: Axes, title: str, subtitle: str) -> None:
    axes.text(0, 1.15, title, transform=axes.transAxes, fontsize=11.5, fontweight="bold")
    axes.text(0, 1.06, subtitle, transform=axes.transAxes, fontsize=9.5, color=GREY)


def _hit_rate(axes: Axes, misses: dict[int, IntArray], colours: dict[int, str]) -> None:
    for entries, series in misses.items():
        layer = _config(entries).layer
        lookups = layer.channels * layer.padded_shape[0] * layer.padded_shape[1]
        rate = 100 * (1 - series / lookups)
        frames = np.arange(len(series)) + 1
        total = np.concatenate(([0], np.cumsum(rate)))
        first = np.maximum(frames - _WINDOW, 0)
        mean = (total[frames] - total[first]) / (frames - first)
        axes.plot(frames, mean, color=colours[entries], linewidth=1.8)
        axes.annotate(
            f"{entries}",
            (len(series), mean[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colours[entries],
            fontweight="bold",
        )
    axes.set_xlim(0, len(misses[ENTRIES[0]]))
    axes.set_ylim(0, 103)
    axes.set_xlabel("frame")
    axes.set_ylabel("hits, % of lookups")
    axes.text(1.025, 1.03, "entries", transform=axes.transAxes, fontsize=9, color=GREY)
    _title(axes, "Hit rate over time", f"mean of the last {_WINDOW} frames of CIFAR-10")


def _executed(
    axes: Axes,
    misses: dict[int, IntArray],
    colours: dict[int, str],
    measured: dict[str, list[tuple[int, dict[str, int]]]],
) -> None:
    ends: dict[int, float] = {}
    for entries, series in misses.items():
        config = _config(entries)
        products = len(config.learned) * config.layer.taps
        frames = np.arange(len(series)) + 1
        share = np.cumsum(series) * products / (frames * config.layer.multiplications_needed) * 100
        axes.plot(frames, share, color=colours[entries], linewidth=1.8)
        ends[entries] = float(share[-1])
    _label_ends(axes, ends, colours)
    for entries, points in measured.items():
        x = [count for count, _ in points]
        y = [
            100 * counters["multiplications_executed"] / counters["multiplications_needed"]
            for _, counters in points
        ]
        label = "counted by the RTL" if entries == str(ENTRIES[-1]) else None
        colour = colours[int(entries)]
        axes.plot(x, y, "o", color=colour, mec="white", ms=6.5, label=label, clip_on=False)
    axes.axhline(_PAPER, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.text(900, _PAPER / 1.45, "the paper's estimate, 3.0 %", fontsize=9, ha="right", color=INK)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.9, len(misses[ENTRIES[0]]))
    axes.set_ylim(0.004, 60)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("frames since the weights were loaded")
    axes.set_ylabel("executed, % of needed")
    axes.legend(loc="lower left", frameon=False, handletextpad=0.2)
    _title(axes, "Multiplications executed", "of those that the frames so far need")


def _label_ends(axes: Axes, ends: dict[int, float], colours: dict[int, str]) -> None:
    """Name the curves at their right ends, a line's height apart where these meet."""
    lowest = 0.0
    for entries, end in sorted(ends.items(), key=lambda item: item[1]):
        height = max(end, lowest * _LINE)
        lowest = height
        axes.annotate(
            f"{entries}: {end:.2g} %",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colours[entries],
            fontweight="bold",
        )
