"""The generated documents: where each lies and what is in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.generate.configurations import configurations_table
from docs.generate.datapath import datapath_figure
from docs.generate.measure import load_measured
from docs.generate.reuse_plot import reuse_figure
from docs.generate.training import banks_figure, training_tables
from hw.emit import markdown
from sw.configfile import load_config
from sw.registers import register_map

__all__ = ["GENERATED", "ROOT", "between_markers", "documents", "write"]

ROOT = Path(__file__).parents[2]
_BEGIN, _END = "<!-- generated: {} -->\n", "<!-- end -->\n"


def _registers() -> str:
    text = markdown.emit(register_map(load_config("cifar10-layer1")))
    title, _, rest = text.partition("\n")
    note = (
        "Of `cifar10-layer1`, by `python -m docs.generate`; `python -m hw.build` writes this file\n"
        "for any other engine. A window is there only if the engine has what it writes:\n"
        "BIAS, at 0x400, SCALE, at 0x800, and MAGNITUDE, at 0xC00, are not here.\n"
    )
    return f"{title}\n\n{note}{rest}"


def _readme() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = configurations_table(load_measured()["configurations"])
    return between_markers(text, "configurations", table)


def _training() -> str:
    text = (ROOT / "docs/user/training.md").read_text(encoding="utf-8")
    for name, table in training_tables().items():
        text = between_markers(text, name, table)
    return text


GENERATED: dict[str, Callable[[], str]] = {
    "README.md": _readme,
    "docs/figures/banks.svg": banks_figure,
    "docs/figures/datapath.svg": datapath_figure,
    "docs/figures/reuse.svg": lambda: reuse_figure(load_measured()),
    "docs/reference/registers.md": _registers,
    "docs/user/training.md": _training,
}
"""What makes each document's text, by its path."""


def between_markers(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between ``<!-- generated: name -->`` and ``<!-- end -->``.

    Raises
    ------
    ValueError
        If the markers are not there.
    """
    before, begin, rest = text.partition(_BEGIN.format(name))
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no markers for {name}: expected {_BEGIN.format(name)}...{_END}")
    return f"{before}{begin}{content}{end}{after}"


def documents() -> dict[Path, str]:
    """Every generated document's text, by its absolute path."""
    return {ROOT / path: make() for path, make in GENERATED.items()}


def write(path: Path, text: str) -> None:
    """Write a document, in a folder that is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
