"""Several measurements at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import TypeVar

from amaranth.hdl import UnusedElaboratable

__all__ = ["in_parallel"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int
) -> Iterator[tuple[int, Result]]:
    """``work`` of every item, ``jobs`` at a time: (position in ``items``, result), as they end.

    They begin in the order of ``items``. On Ctrl-C, and if one raises, the others are ended; what
    they have kept in the cache stays.

    Parameters
    ----------
    work : function
        Of a module, as are the items: they are pickled.
    items : sequence
    jobs : int
    """
    with ProcessPoolExecutor(jobs, initializer=_quiet) as pool:
        try:
            futures: dict[Future[Result], int] = {
                pool.submit(work, item): n for n, item in enumerate(items)
            }
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            # The tools that they run end with them (hw/flow/tools.py).
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _quiet() -> None:
    # Engines are made here for their numbers and never elaborated.
    warnings.simplefilter("ignore", UnusedElaboratable)
