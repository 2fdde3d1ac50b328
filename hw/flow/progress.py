"""What the flow is doing, for people: a line on a terminal, and what must be said anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["announce", "show_progress", "step"]

_shown: list[Progress] = []


@contextmanager
def show_progress() -> Iterator[None]:
    """Show each step on stderr while it runs, if stderr is a terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        _shown.append(progress)
        try:
            yield
        finally:
            _shown.remove(progress)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Name what runs within."""
    if not _shown:
        yield
        return
    task = _shown[-1].add_task(text, total=None)
    try:
        yield
    finally:
        _shown[-1].remove_task(task)


def announce(text: str) -> None:
    """Say ``text`` on stderr, terminal or not."""
    if _shown and not _shown[-1].disable:
        _shown[-1].console.print(text, highlight=False)
    else:
        print(text, file=sys.stderr, flush=True)
