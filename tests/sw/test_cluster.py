"""k-means: it finds what is there, and says so when it cannot."""

import numpy as np
import pytest

from sw.cluster import cluster


def test_it_finds_clusters_that_are_apart(rng):
    places = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    truth = rng.integers(0, 4, 200)
    points = places[truth] + rng.normal(0, 0.1, (200, 2))
    centres, nearest = cluster(points, 4, seed=0)
    for index in range(4):
        members = truth[nearest == index]
        assert len(set(members)) == 1
        assert centres[index] == pytest.approx(points[nearest == index].mean(axis=0))


def test_the_same_seed_gives_the_same(rng):
    points = rng.normal(size=(50, 9))
    for one, other in zip(cluster(points, 6, seed=3), cluster(points, 6, seed=3), strict=True):
        assert np.array_equal(one, other)


def test_each_point_belongs_to_the_nearest_centre(rng):
    points = rng.normal(size=(60, 3))
    centres, nearest = cluster(points, 7, seed=1)
    distances = np.linalg.norm(points[:, None] - centres[None], axis=2)
    assert np.array_equal(nearest, distances.argmin(axis=1))


def test_as_many_clusters_as_points_leave_nothing_over():
    points = np.array([[1.0], [2.0], [4.0]])
    centres, _ = cluster(points, 3, seed=0)
    assert sorted(centres.ravel()) == [1, 2, 4]


@pytest.mark.parametrize("count", [0, 3])
def test_more_clusters_than_different_points(count):
    with pytest.raises(
        ValueError, match=f"count must be 1 to 2, the different points, not {count}"
    ):
        cluster([[1.0], [2.0], [2.0]], count, seed=0)
