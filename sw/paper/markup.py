"""Tables and figures with their spread, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["markdown_table", "percent"]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value: dict[str, Any]) -> str:
    """A mean of :func:`sw.paper.statistics.mean_interval`, and of how many."""
    spread = "" if value["ci95"] is None else f" ± {value['ci95']:.2f}"
    return f"{value['mean']:.2f}{spread} % ({value['n']})"
