"""Which point is next: all of a grid, some at random, or what an adaptive search asks for."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from .front import size_of
from .space import Point, Space

__all__ = ["METHODS", "Adaptive", "Listed", "Search", "make_search"]

METHODS = ("grid", "random", "adaptive")
_TRIES = 50
"""Proposals in a row that bring nothing new, after which an adaptive search ends."""


class Search(Protocol):
    """Proposes points, one after another, and learns from rows."""

    total: int
    """How many it will propose at most."""

    def ask(self) -> Point | None:
        """The next one; None at the end."""
        ...

    def tell(self, point: Point, row: Mapping[str, Any]) -> None:
        """What came of a point, asked for or found in the store."""
        ...


class Listed:
    """The points of a list, but for those that are known."""

    def __init__(self, points: Iterable[Point]) -> None:
        self._points = list(points)
        self._known: set[Point] = set()
        self._next = 0
        self.total = len(self._points)

    def ask(self) -> Point | None:
        """The next that is not known."""
        while self._next < len(self._points):
            point = self._points[self._next]
            self._next += 1
            if point not in self._known:
                return point
        return None

    def tell(self, point: Point, row: Mapping[str, Any]) -> None:
        """It is known."""
        del row
        self._known.add(point)


class Adaptive:
    """Seek the front of area and rate by Optuna's tree-structured Parzen estimator.

    Each grid of the space is a branch, whose axes only its own points have. It learns nothing
    from a point that is impossible or failed.

    Parameters
    ----------
    space : Space
    count : int
        Points that are measured, those in the store among them.
    seed : int
    """

    def __init__(self, space: Space, count: int, seed: int) -> None:
        import optuna  # noqa: PLC0415 (of the extra `explore`)

        self._optuna = optuna
        self._states = optuna.trial.TrialState
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
        self._study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
        self._space = space
        self._trials: dict[Point, Any] = {}
        self._known: dict[Point, tuple[float, float] | None] = {}
        self.total = min(count, len(space.points()))

    def ask(self) -> Point | None:
        """A point that is neither known nor under way."""
        if len(self._known) + len(self._trials) >= self.total:
            return None
        for _ in range(_TRIES):
            trial = self._study.ask()
            point = self._suggested(trial)
            if point not in self._known and point not in self._trials:
                self._trials[point] = trial
                return point
            self._finish(trial, self._known.get(point))
        return self._any_other()

    def tell(self, point: Point, row: Mapping[str, Any]) -> None:
        """Its area and rate, if it has both."""
        size = size_of(row) if row["state"] == "measured" else None
        values = None if size is None else (size, float(row["pixels_per_cycle"]))
        trial = self._trials.pop(point, None)
        if trial is not None:
            self._finish(trial, values)
        elif point not in self._known:
            self._add(point, values)
        self._known[point] = values

    def _finish(self, trial: Any, values: tuple[float, float] | None) -> None:
        if values is None:
            self._study.tell(trial, state=self._states.FAIL)
        else:
            self._study.tell(trial, values)

    def _suggested(self, trial: Any) -> Point:
        grids = self._space.grids
        number = trial.suggest_categorical("grid", list(range(len(grids))))
        return Point.of(
            {
                axis: trial.suggest_categorical(f"{number} {axis}", list(values))
                for axis, values in grids[number].items()
            }
        )

    def _add(self, point: Point, values: tuple[float, float] | None) -> None:
        """A point that this process did not ask for: it was in the store."""
        chosen = self._chosen(point)
        if chosen is None:
            return
        category, state = self._optuna.distributions.CategoricalDistribution, self._states
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params={name: value for name, (value, _) in chosen.items()},
                distributions={name: category(values) for name, (_, values) in chosen.items()},
                values=values,
                state=state.FAIL if values is None else state.COMPLETE,
            )
        )

    def _chosen(self, point: Point) -> dict[str, tuple[Any, list[Any]]] | None:
        """What Optuna calls a point: names to (value, all values); None if no grid has it."""
        settings, grids = dict(point.settings), self._space.grids
        for number, grid in enumerate(grids):
            if settings.keys() == grid.keys() and all(settings[a] in grid[a] for a in grid):
                axes = {f"{number} {axis}": (settings[axis], list(grid[axis])) for axis in grid}
                return {"grid": (number, list(range(len(grids))))} | axes
        return None

    def _any_other(self) -> Point | None:
        """The first that nobody has asked for, when proposals only repeat what is known."""
        for point in self._space.points():
            chosen = self._chosen(point)
            if chosen and point not in self._known and point not in self._trials:
                self._study.enqueue_trial({name: value for name, (value, _) in chosen.items()})
                trial = self._study.ask()
                self._suggested(trial)
                self._trials[point] = trial
                return point
        return None


def make_search(space: Space, method: str, *, count: int, seed: int) -> Search:
    """A search by its name in :data:`METHODS`; ``count`` and ``seed`` are not a grid's."""
    if method == "grid":
        return Listed(space.points())
    if method == "random":
        return Listed(space.sample(count, seed))
    return Adaptive(space, count, seed)
