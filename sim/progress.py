"""Progress of a simulation for people: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import program

__all__ = ["shown"]

_TEXTS = {"build": "building the simulator (once for each design)", "simulate": "simulating"}


@contextmanager
def shown() -> Iterator[program.Progress]:
    """Give the ``on_progress`` of :func:`sim.bulk.simulate`; the bar is on stderr, and goes."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None, count="")

        def on_progress(what: str, done: int, total: int) -> None:
            progress.update(
                task,
                description=_TEXTS[what],
                completed=done,
                total=total or None,
                count=f"{done:,} of {total:,} frames" if total else "",
            )

        yield on_progress
