"""Which point is next: no search repeats itself, and the adaptive one finds the front sooner."""

import random

import pytest

from hw.explore.front import fronts
from hw.explore.search import METHODS, make_search
from hw.explore.space import Space
from tests.hw.explore.rows import row

SPACE = Space(
    name="space.toml",
    grids=(
        {"strategy": ("a",), "x": tuple(range(12)), "y": tuple(range(12)), "z": (0, 1, 2)},
        {"strategy": ("b",), "x": tuple(range(8)), "w": ("p", "q")},
    ),
)


def measured(point):
    """A made-up engine: rate costs area, and y and z are waste; some are impossible."""
    x, waste = point.get("x"), (point.get("y") or 0) + 5 * (point.get("z") or 0)
    if (x, point.get("y")) == (3, 3):
        return row(point) | {"state": "impossible"}
    return row(point, size=100 + 50 * x + 40 * waste, rate=(1 + x) / 12)


def walked(search, known=()):
    for one in known:
        search.tell(one, measured(one))
    seen = []
    while (one := search.ask()) is not None:
        seen.append(one)
        search.tell(one, measured(one))
    return seen


@pytest.mark.parametrize("method", METHODS)
def test_no_point_comes_twice_nor_one_that_is_known(method):
    known = SPACE.points()[:5]
    seen = walked(make_search(SPACE, method, count=40, seed=1), known)
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(SPACE.points()) - set(known)
    assert {"grid": 448 - 5, "adaptive": 35}.get(method, len(seen)) == len(seen)


def test_an_adaptive_search_ends_with_the_space():
    space = Space(name="s", grids=({"x": (0, 1, 2), "y": (0, 1)},))
    assert set(walked(make_search(space, "adaptive", count=50, seed=2))) == set(space.points())


def test_an_adaptive_search_takes_several_at_a_time():
    search = make_search(SPACE, "adaptive", count=30, seed=3)
    asked = [search.ask() for _ in range(8)]
    assert len(set(asked)) == 8
    for one in random.Random(1).sample(asked, 8):
        search.tell(one, measured(one))
    assert search.ask() not in asked


def test_an_adaptive_search_finds_more_of_the_front_than_chance():
    def dominated(points):
        """Area above the best of the whole space, mean over rates that its front has."""
        best = {one["pixels_per_cycle"]: one["area"]["lut4_eq"] for one in front(SPACE.points())}
        found = [(r["pixels_per_cycle"], r["area"]["lut4_eq"]) for r in front(points)]
        return sum(
            min((size for rate, size in found if rate >= wanted), default=5000) - size_of_best
            for wanted, size_of_best in best.items()
        )

    def front(points):
        return fronts([measured(one) for one in points])

    by_method = {
        method: sum(
            dominated(walked(make_search(SPACE, method, count=60, seed=seed))) for seed in range(3)
        )
        for method in ("random", "adaptive")
    }
    assert by_method["adaptive"] < 0.7 * by_method["random"], by_method
