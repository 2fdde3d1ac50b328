"""How our pictures look: one font, one palette, a white card, the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

__all__ = ["GREY", "INDIGO", "INK", "MADDER", "PAPER", "PINE", "Canvas", "card", "style", "svg"]

INK = "#1d2433"
GREY = "#5b6475"
PAPER = "#ffffff"
INDIGO = "#2f4b8f"
MADDER = "#a8442f"
PINE = "#2f6f5e"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so every machine has the same
    "font.size": 10,
    "svg.fonttype": "path",
    "svg.hashsalt": "katazome",
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw as all our pictures are drawn."""
    with mpl.rc_context(_STYLE):
        yield


def card(figure: Figure) -> None:
    """Put a white card with round corners under a figure, for pages of any colour."""
    figure.patch.set_alpha(0)
    width, height = figure.get_size_inches()
    background = FancyBboxPatch(
        (0.06, 0.06),
        width - 0.12,
        height - 0.12,
        boxstyle="round,pad=0,rounding_size=0.12",
        transform=figure.dpi_scale_trans,
        facecolor=PAPER,
        edgecolor="#d9dde5",
        linewidth=1,
        zorder=-10,
    )
    figure.add_artist(background)


def svg(figure: Figure) -> str:
    """The figure as SVG."""
    stream = io.StringIO()
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    # No blanks at the ends of lines, as in every other text of the repository.
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


class Canvas:
    """A drawing area of ``width`` x ``height`` units, 100 an inch, the origin bottom left."""

    def __init__(self, width: int, height: int) -> None:
        self.figure = Figure(figsize=(width / 100, height / 100))
        card(self.figure)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)
        self.axes.axis("off")
        self.axes.patch.set_alpha(0)

    def box(
        self,
        left: float,
        bottom: float,
        width: float,
        height: float,
        *,
        colour: str = GREY,
        fill: str | None = None,
        dashed: bool = False,
        radius: float = 7,
    ) -> None:
        """A box; without a ``fill`` in a pale tint of its colour."""
        tint = to_rgba(colour, 0.08) if fill is None else fill
        self.axes.add_patch(
            FancyBboxPatch(
                (left, bottom),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={radius}",
                facecolor=tint,
                edgecolor=colour,
                linewidth=1.2,
                linestyle=(0, (4, 3)) if dashed else "solid",
            )
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9.5,
        colour: str = INK,
        bold: bool = False,
        align: str = "center",
    ) -> None:
        """Text whose middle is at ``y``."""
        self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            fontweight="bold" if bold else "normal",
            ha=align,
            va="center",
            linespacing=1.35,
        )

    def arrow(
        self,
        *points: tuple[float, float],
        colour: str = GREY,
        head: bool = True,
        dashed: bool = False,
    ) -> None:
        """Straight lines through ``points``, with a head at the last."""
        line = (0, (3, 2.5)) if dashed else "solid"
        *before, last = points
        xs, ys = zip(*points, strict=True)
        self.axes.plot(
            xs, ys, color=colour, linewidth=1.4, linestyle=line, solid_joinstyle="round", zorder=1.5
        )
        if head:
            self.axes.add_patch(
                FancyArrowPatch(
                    before[-1],
                    last,
                    arrowstyle="-|>,head_length=5,head_width=2.6",
                    color=colour,
                    linewidth=0,
                    shrinkA=0,
                    shrinkB=0,
                    mutation_scale=1,
                    zorder=2.5,
                )
            )
