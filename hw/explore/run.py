"""A sweep under way: points go to workers, rows come back and are kept at once."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sw.cli import InputError

from .evaluate import Limits, blank_row, config_of, evaluate, point_bits
from .front import fronts
from .inputs import Inputs
from .search import Search
from .space import Point
from .store import Store

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["OnRow", "Sweep", "connected"]

OnRow = Callable[[Mapping[str, Any], int, int], None]
"""Called with a new row, how many rows there are, and of how many at most."""
_RETRIES = 3
"""Workers that may die over a point before it is the point's fault."""
_CONNECT_SECONDS = 10
_DASK = {
    "distributed.scheduler.allowed-failures": _RETRIES,
    # Points take minutes: looking after them many times a second takes a tenth of a core.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of Dask's: of the scheduler at an address, or of ``workers`` processes here.

    Raises
    ------
    InputError
        If nobody answers at the address.
    """
    from dask import config  # noqa: PLC0415 (of the extra `explore`)
    from distributed import Client, LocalCluster  # noqa: PLC0415

    config.set(_DASK)
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"--scheduler {scheduler}: no Dask scheduler there: {reason}"
            ) from error
        with client:
            yield client
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a port in use: another one is taken
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        )
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is measured, where it is kept, and who is told.

    Parameters
    ----------
    inputs : Inputs
    limits : Limits
    store : Store
    on_row : OnRow
    measure_one : function, optional
        What workers do with a point; :func:`hw.explore.evaluate.evaluate`.
    """

    inputs: Inputs
    limits: Limits
    store: Store
    on_row: OnRow
    measure_one: Callable[[Point, Inputs, Limits], dict[str, Any]] = evaluate

    def measure(self, search: Search, client: Client, *, again: bool = False) -> None:
        """Every point that the search asks for and the store lacks.

        A point whose worker dies is given to another. ``again``: those too that failed before.
        """
        rows = [row for row in self.store.rows() if not (again and row["state"] == "failed")]
        for row in rows:
            search.tell(Point.of(row["settings"]), row)
        done = len(rows)

        def keep(point: Point, row: dict[str, Any]) -> None:
            nonlocal done
            self.store.put(row)
            search.tell(point, row)
            done += 1
            self.on_row(row, done, max(search.total, done))

        def ask() -> Point | None:
            # What is impossible needs no worker.
            while (point := search.ask()) is not None:
                if (row := _impossible(point, self.inputs)) is None:
                    return point
                keep(point, row)
            return None

        for point, row in self._rows(ask, client, self.limits):
            keep(point, row)

    def route(self, client: Client, seeds: int) -> None:
        """Place and route what is on the fronts and was not yet; Fmax goes into its row.

        ``seeds`` 0: nothing is.
        """
        if not seeds:
            return
        waiting = [
            row
            for row in fronts(self.store.rows())
            if row["fmax_mhz"] is None and row["target"] in ("ecp5", "ice40")
        ]
        points = iter([Point.of(row["settings"]) for row in waiting])
        limits = replace(self.limits, seeds=seeds)
        found = self._rows(lambda: next(points, None), client, limits)
        for done, (_, row) in enumerate(found, 1):
            # One that cannot be routed stays what was measured of it before.
            if row["state"] == "measured":
                self.store.put(row)
            self.on_row(row, done, len(waiting))

    def _rows(
        self, ask: Callable[[], Point | None], client: Client, limits: Limits
    ) -> Iterator[tuple[Point, dict[str, Any]]]:
        """Points with their rows, as they come, until there are none.

        Those that were with a worker when it died too often are tried once more, each alone: only
        one of them may be at fault.
        """

        def submit(point: Point) -> Future:
            # With its inputs: of what lies on a worker, its death would leave nothing.
            needed = self.inputs.only(point_bits(point, self.inputs))
            return client.submit(self.measure_one, point, needed, limits, pure=False)

        def workers() -> int:
            return max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)

        suspects: list[Point] = []
        # One more each, so that none waits for us.
        for point, future in _spread(ask, submit, client, lambda: 2 * workers()):
            if future.status == "error" and _killed(future):
                suspects.append(point)
            else:
                yield point, _result(future, point)
        for suspect in suspects:
            alone = iter([suspect])
            for point, future in _spread(lambda a=alone: next(a, None), submit, client, lambda: 1):
                yield point, _result(future, point)


def _spread(
    ask: Callable[[], Point | None],
    submit: Callable[[Point], Future],
    client: Client,
    slots: Callable[[], int],
) -> Iterator[tuple[Point, Future]]:
    """What is asked for, so many at a time, in the order in which it is done."""
    from distributed import as_completed  # noqa: PLC0415

    waiting: dict[Future, Point] = {}
    running = as_completed(loop=client.loop)

    def fill() -> None:
        while len(waiting) < slots() and (point := ask()) is not None:
            future = submit(point)
            waiting[future] = point
            running.add(future)

    try:
        fill()
        for future in running:
            yield waiting.pop(future), future
            fill()
    finally:
        client.cancel(list(waiting), force=True)


def _impossible(point: Point, inputs: Inputs) -> dict[str, Any] | None:
    """The row of a point that is no engine."""
    try:
        config_of(point, inputs)
    except ValueError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        return blank_row(point) | {"state": "impossible", "reason": reason}
    return None


def _killed(future: Future) -> bool:
    """Whether it was with workers that died."""
    from distributed import KilledWorker  # noqa: PLC0415

    return isinstance(future.exception(), KilledWorker)


def _result(future: Future, point: Point) -> dict[str, Any]:
    """Its row; a worker that died over it, or a bug of ours, is its reason."""
    error = future.exception()
    if error is None:
        return future.result()
    if _killed(future):
        return blank_row(point) | {"reason": f"{_RETRIES + 1} workers died over it"}
    return blank_row(point) | {"reason": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
