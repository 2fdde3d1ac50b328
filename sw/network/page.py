"""report.html: a network's build for people, in one file that needs no other and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from .chips import CHIPS
from .page_parts import STYLE, bar, counted, element, number, picture, stack, table

__all__ = ["Sample", "network_page"]

_COLOURS = ("#3b7dd8", "#e08a3c", "#4aa66a", "#b35fb0", "#c9513f", "#5aa7b5", "#8a7a3a", "#7a6fd0")
_REST = "#8b93a0"
_AREAS = (("lut", "tables"), ("dsp", "multipliers"), ("bram", "block memories"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """An image that went through the RTL.

    Parameters
    ----------
    image : array of int, shape (C, H, W)
    label : int
        What the RTL said.
    truth : int, optional
        What it is.
    """

    image: npt.NDArray[np.integer]
    label: int
    truth: int | None = None


def network_page(report: Mapping[str, Any], samples: Sequence[Sample] = ()) -> str:
    """The page of a build.

    Parameters
    ----------
    report : mapping
        report.json of a network.
    samples : sequence of Sample
        Images with the labels that the RTL gave.
    """
    name = escape(report["network"]["name"])
    sections = [_head(report), _graph(report), _time(report), _area(report), _rows(report)]
    if samples:
        sections.append(_samples(samples))
    sections.append(_remarks(report))
    head = element("title", f"{name}: report") + element("style", STYLE)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head}</head>\n<body>\n" + "\n".join(filter(None, sections)) + "\n</body></html>\n"
    )


def _shape(shape: Sequence[int]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape))


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _head(report: Mapping[str, Any]) -> str:
    network, planned = report["network"], report["planned"]
    where = ", ".join(filter(None, (network["board"], report["target"], report["device"])))
    fmax, per_second = report["fmax_mhz"]["median"], report["frames_per_second"]
    figures = [
        ("frames a second, planned", number(planned["frames_per_second"])),
        ("clock, planned", number(planned["clock_mhz"], "MHz")),
        ("cycles a frame", number(report["cycles_per_frame"])),
        ("multiplications a cycle", number(report["macs_per_cycle"])),
    ]
    if fmax is not None:
        figures[1:1] = [("frames a second, at Fmax", number(per_second))]
        figures.insert(3, ("Fmax, median", number(fmax, "MHz")))
    cards = [
        element("div", element("b", value), escape(text), class_="figure")
        for text, value in figures
    ]
    digest = f"network {network['sha256'][:16]}"
    return (
        element("h1", escape(network["name"]))
        + element("p", escape(f"{where}; {digest}"), class_="soft")
        + element("div", *cards, class_="figures")
    )


def _how(row: Mapping[str, Any]) -> Iterator[str]:
    """How a layer is built, a line each."""
    engine = row.get("engine")
    if engine is not None:
        if engine["templates"]:
            yield f"{counted(engine['templates'], 'template kernel')}: {engine['bank']} bank"
        if engine["learned"]:
            yield f"{engine['learned']} learned: {engine['strategy']}"
            yield "folds " + _shape(list(engine["fold"].values())) + " (kernels, channels, taps)"
        return
    how = row.get("macs") or row.get("pool") or {}
    if "kernels" in how:
        yield counted(how["kernels"] * how["channels"], "multiplier")
        yield f"{counted(how['kernels'], 'kernel')}, {counted(how['channels'], 'channel')} at once"
    elif how:
        yield f"{counted(how['channels'], 'channel')} at once"
    if how.get("spare_rows"):
        yield counted(how["spare_rows"], "spare row")
    if how.get("skip_zeros"):
        yield "zeros skipped"


def _graph(report: Mapping[str, Any]) -> str:
    network = report["network"]
    parts = [_wire(network["input_shape"])]
    for index, row in enumerate(report["layers"]):
        lines = [element("p", escape(line)) for line in _how(row)]
        title = element("b", escape(row["name"])) + element("p", escape(row["kind"]), class_="soft")
        cycles = element("p", escape(f"{number(row['cycles'])} cycles"), class_="soft")
        style = f"--colour:{_colour(index)}"
        parts.append(element("div", title, *lines, cycles, class_="layer", style=style))
        parts.append(_wire(row["output_shape"]))
    if network["classifies"]:
        last = element("b", "argmax") + element("p", "the label", class_="soft")
        parts.append(element("div", last, class_="layer", style=f"--colour:{_REST}"))
    title = element("h2", "The network")
    note = element("p", "channels \N{MULTIPLICATION SIGN} rows \N{MULTIPLICATION SIGN} columns")
    return title + note + element("div", *parts, class_="chain")


def _wire(shape: Sequence[int]) -> str:
    return element("div", _shape(shape), class_="wire")


def _time(report: Mapping[str, Any]) -> str:
    whole = report["cycles_per_frame"]
    rows = [
        stack(
            row["name"],
            [(row["name"], row["cycles"], _colour(n))],
            whole,
            f"{number(row['cycles'])} cycles, {row['cycles'] / whole:.0%} of a frame",
        )
        for n, row in enumerate(report["layers"])
    ]
    note = "All layers work at once, on following rows; the busiest sets the pace."
    return element("h2", "Where the time goes") + element("p", note, class_="soft") + "".join(rows)


def _area(report: Mapping[str, Any]) -> str:
    chip = CHIPS.get(report["network"]["board"] or "")
    measured, rows = report["area"], []
    for key, text in _AREAS:
        parts = [
            (row["name"], float(row["estimate"][key]), _colour(n))
            for n, row in enumerate(report["layers"])
        ]
        used = sum(value for _, value, _ in parts)
        whole = float(getattr(chip.has, key)) if chip else max(used, measured[key] or 0.0)
        says = f"foretold {number(used)}"
        if chip:
            says += f" of {number(whole)}, {used / whole:.0%}"
        rows.append(stack(text, parts, max(whole, used), says))
        if measured[key] is not None:
            found = float(measured[key])
            says = f"measured {number(found)}" + (f", {found / whole:.0%}" if chip else "")
            rows.append(stack("", [("all", found, _REST)], max(whole, found), says))
    keys = " ".join(
        element("span", element("i", class_="key", style=f"--colour:{_colour(n)}"))
        + escape(row["name"])
        for n, row in enumerate(report["layers"])
    )
    whole = "of the chip" if chip else "of the network"
    return element("h2", f"Where the area goes, {whole}") + element("p", keys) + "".join(rows)


def _rows(report: Mapping[str, Any]) -> str:
    most = max(row["multiplications"] for row in report["layers"]) or 1
    body = [
        [
            escape(row["name"]),
            _shape(row["output_shape"]),
            number(row["multiplications"])
            + bar([(row["multiplications"] / most, _colour(n))], row["name"]),
            number(row["cycles"]),
            *(number(row["estimate"][key]) for key, _ in _AREAS),
        ]
        for n, row in enumerate(report["layers"])
    ]
    head = ["layer", "gives", "multiplications a frame", "cycles", *(text for _, text in _AREAS)]
    title = element("h2", "Layer by layer")
    return title + table(head, body, numbers={3, 4, 5, 6})


def _samples(samples: Sequence[Sample]) -> str:
    figures: list[str] = []
    for sample in samples:
        known = sample.truth is not None
        right = sample.truth == sample.label
        caption = element("b", str(sample.label))
        if known and not right:
            caption += f" is {sample.truth}"
        alt = f"image that the RTL calls {sample.label}"
        img = f'<img alt="{alt}" src="{picture(sample.image)}">'
        kind = "sample" + (f" {'right' if right else 'wrong'}" if known else "")
        figures.append(element("figure", img, element("figcaption", caption), class_=kind))
    known = [sample for sample in samples if sample.truth is not None]
    text = "The labels are those that the RTL gave, in simulation."
    if known:
        right = sum(sample.truth == sample.label for sample in known)
        text += f" {right} of these {len(known)} are right."
    title = element("h2", "What it sees") + element("p", text, class_="soft")
    return title + element("div", *figures, class_="samples")


def _remarks(report: Mapping[str, Any]) -> str:
    parts: list[str] = []
    path = report["critical_path"]
    if path:
        steps = [
            [escape(str(step["signal"])), escape(str(step["block"])), number(step["logic_ns"]),
             number(step["routing_ns"])]
            for step in path
        ]  # fmt: skip
        head = ["signal", "block", "logic, ns", "routing, ns"]
        parts += [element("h2", "Critical path"), table(head, steps, numbers={2, 3})]
    notes = report["notes"]
    if notes:
        parts.append(element("h2", "Notes"))
        parts += [element("p", escape(note)) for note in notes]
    tools = ", ".join(f"{tool} {version}" for tool, version in report["tools"].items())
    parts.append(element("p", escape(f"Made by {tools}."), class_="soft"))
    return "".join(parts)
