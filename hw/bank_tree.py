"""Which pattern is made from which: a spanning tree over the patterns of a template bank.

Two patterns that differ in ``n`` cells differ by ``n`` terms, so one is made from the other by
``n`` additions (``n - 1`` to sum the terms, one more to add them). A pattern made from nothing
takes one addition less than it has cells, or fewer if it is separable. The cheapest way to make
all is a minimum spanning tree with nothing as its root; extra (Steiner) patterns go in where they
save.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from sw.templates import Pattern

__all__ = ["Node", "factors", "spanning_tree"]

Matrix = npt.NDArray[np.int32]

MAX_CANDIDATE_CELLS = 1_000_000
"""Cells of all extra patterns that one round of the search looks at."""

MAX_TRIED = 12
"""Extra patterns of a round for which the tree is made anew, the most promising first."""

MAX_WORK = 3_000_000
"""Patterns times patterns times trials after which the search for extra patterns ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """A pattern, and what it is made from.

    Parameters
    ----------
    pattern : Pattern, shape (P, kh, kw)
    parent : int or None
        An earlier node's place in the tree's list; None: made from nothing.
    sign : int
        The pattern is ``sign * parent`` and the cells in which it differs from that.
    """

    pattern: Pattern
    parent: int | None
    sign: int


def factors(pattern: Pattern) -> tuple[Pattern, Pattern, Pattern] | None:
    """``a``, ``b``, ``c`` with ``pattern[p, i, j] = a[p] * b[i] * c[j]``, or None.

    No factor is all negative unless the pattern is.
    """
    separable, parts = _factored(pattern[None])
    if not separable[0]:
        return None
    a, b, c = (part[0] for part in parts)
    first = a[a != 0][0], b[b != 0][0]
    a, b, c = a * first[0], b * first[1], c * first[0] * first[1]
    if (c <= 0).all():
        if (a < 0).any():
            a, c = -a, -c
        elif (b < 0).any():
            b, c = -b, -c
    return a, b, c


def _factored(patterns: Pattern) -> tuple[npt.NDArray[np.bool_], tuple[Pattern, Pattern, Pattern]]:
    """Which of many patterns (N, P, kh, kw) are separable, and factors that are right for those."""
    n = np.arange(len(patterns))
    flat = patterns.reshape(len(patterns), -1)
    first = (flat != 0).argmax(axis=1)
    p, i, j = np.unravel_index(first, patterns.shape[1:])
    a, b, c = patterns[n, :, i, j], patterns[n, p, :, j], patterns[n, p, i, :]
    # Each holds the first cell's sign once: three times in all, which is the sign itself.
    product = a[:, :, None, None] * b[:, None, :, None] * c[:, None, None, :]
    return (product == patterns).all(axis=(1, 2, 3)), (a, b, c)


def _root_costs(patterns: Pattern) -> Matrix:
    """Additions that make each of ``patterns``, shape (N, P, kh, kw), from nothing."""
    cost = np.count_nonzero(patterns, axis=(1, 2, 3)) - 1
    separable, parts = _factored(patterns)
    apart = sum(np.count_nonzero(part, axis=1) - 1 for part in parts)
    negation = (patterns <= 0).all(axis=(1, 2, 3))
    return (np.where(separable, np.minimum(cost, apart), cost) + negation).astype(np.int32)


def _costs(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8]) -> tuple[Matrix, Matrix]:
    """Additions from each row of ``left`` to each of ``right``: as it is, and negated."""
    cells = left.shape[1]

    def hits(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        return a.astype(np.float32) @ b.astype(np.float32).T

    plus, zero, minus = ([side == v for side in (left, right)] for v in (1, 0, -1))
    zeros = hits(*zero)
    same = cells - zeros - hits(*plus) - hits(*minus)
    opposite = cells - zeros - hits(plus[0], minus[1]) - hits(minus[0], plus[1])
    # -parent - terms is no single addition: without a positive term it takes a negation more.
    rising = cells - hits(left <= 0, right <= 0) - hits(plus[0], minus[1]) - hits(minus[0], plus[1])
    return same.astype(np.int32), (opposite + (rising == 0)).astype(np.int32)


@dataclass(eq=False)
class _Graph:
    """The patterns, one a row, with the costs of all edges; index 0 is nothing."""

    rows: npt.NDArray[np.int8]
    same: Matrix
    opposite: Matrix

    @staticmethod
    def of(patterns: npt.NDArray[np.int8]) -> _Graph:
        rows = np.concatenate([np.zeros_like(patterns[:1]), patterns]).reshape(
            len(patterns) + 1, -1
        )
        same, opposite = _costs(rows, rows)
        root = np.concatenate([[0], _root_costs(patterns)])
        for matrix in (same, opposite):
            matrix[0, :] = matrix[:, 0] = root
        return _Graph(rows, same, opposite)

    @property
    def cost(self) -> Matrix:
        return np.minimum(self.same, self.opposite)

    def with_row(self, row: npt.NDArray[np.int8], same: Matrix, opposite: Matrix) -> _Graph:
        """One more pattern, with its costs from those that are there."""
        return _Graph(
            np.concatenate([self.rows, row[None]]),
            _bordered(self.same, same),
            _bordered(self.opposite, opposite),
        )


def _bordered(matrix: Matrix, row: Matrix) -> Matrix:
    """``matrix`` with one more row and column."""
    result = np.pad(matrix, (0, 1))
    result[-1, :-1] = result[:-1, -1] = row
    return result


def _prim(cost: Matrix) -> tuple[Matrix, list[int], int]:
    """Parents, the order of joining, and the total of a minimum spanning tree from index 0.

    Of equally cheap edges the one with the shallowest parent is taken.
    """
    size = len(cost)
    scale = size + 1
    depth = np.zeros(size, np.int64)
    parent = np.zeros(size, np.int32)
    key = cost[0].astype(np.int64) * scale
    key[0] = np.iinfo(np.int64).max
    outside = np.ones(size, np.bool_)
    outside[0] = False
    order: list[int] = []
    total = 0
    while len(order) < size - 1:
        node = int(key.argmin())
        total += int(key[node]) // scale
        depth[node] = depth[parent[node]] + 1
        order.append(node)
        outside[node] = False
        key[node] = np.iinfo(np.int64).max
        offered = cost[node].astype(np.int64) * scale + depth[node]
        better = outside & (offered < key)
        key[better] = offered[better]
        parent[better] = node
    return parent, order, total


def _candidates(graph: _Graph, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Extra patterns that may save: medians of three patterns, and the sum of all cells."""
    rows = graph.rows
    size, cells = rows.shape
    limit = max(MAX_CANDIDATE_CELLS // cells, 1)
    near = size
    while near > 2 and size * near * (near - 1) // 2 > limit:
        near -= 1
    pairs = np.array(list(combinations(range(near), 2)), np.int64).reshape(-1, 2)
    nearest = np.argsort(graph.cost, axis=1, kind="stable")[:, :near]
    first = np.repeat(np.arange(size), len(pairs))
    second, third = nearest[:, pairs[:, 0]].ravel(), nearest[:, pairs[:, 1]].ravel()
    chosen = slice(0, limit)
    a, b, c = rows[first[chosen]], rows[second[chosen]], rows[third[chosen]]
    medians = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    everything = (rows != 0).any(axis=0).astype(np.int8)[None]
    found = np.unique(np.concatenate([medians, everything]), axis=0)
    known = {row.tobytes() for row in rows}
    new = [n for n, row in enumerate(found) if row.tobytes() not in known]
    return found[new].reshape(-1, *shape)


def _best_extra(
    graph: _Graph, shape: tuple[int, ...], tree: tuple[Matrix, list[int], int]
) -> _Graph | None:
    """The graph with the extra pattern that saves most, or None if none of those tried saves."""
    parent, order, total = tree
    patterns = _candidates(graph, shape)
    if not len(patterns):
        return None
    edge = np.zeros(len(graph.rows), np.int32)
    edge[order] = graph.cost[order, parent[order]]
    rows = patterns.reshape(len(patterns), -1)
    same, opposite = _costs(rows, graph.rows)
    same[:, 0] = opposite[:, 0] = _root_costs(patterns)
    costs = np.minimum(same, opposite)
    gain = np.maximum(edge - costs, 0).sum(axis=1) - costs.min(axis=1)
    best: tuple[int, _Graph | None] = (total, None)
    for n in np.argsort(-gain, kind="stable")[:MAX_TRIED]:
        if gain[n] <= 0:
            break
        wider = graph.with_row(rows[n], same[n], opposite[n])
        cost = _prim(wider.cost)[2]
        if cost < best[0]:
            best = (cost, wider)
    return best[1]


def spanning_tree(patterns: npt.NDArray[np.int8]) -> list[Node]:
    """The tree, parents before children; the patterns come among the nodes.

    Parameters
    ----------
    patterns : array of int8, shape (N, P, kh, kw)
        Values -1, 0, +1, all different, none without a cell. P counts the planes.
    """
    shape = patterns.shape[1:]
    graph = _Graph.of(patterns)
    tree = _prim(graph.cost)
    work = 0
    while work < MAX_WORK:
        wider = _best_extra(graph, shape, tree)
        work += len(graph.rows) ** 2 * MAX_TRIED
        if wider is None:
            break
        graph, tree = wider, _prim(wider.cost)
    parent, order, _ = tree
    place = {index: n for n, index in enumerate(order)}
    return [
        Node(
            pattern=graph.rows[n].reshape(shape),
            parent=place.get(int(parent[n])),
            sign=1 if graph.same[n, parent[n]] <= graph.opposite[n, parent[n]] else -1,
        )
        for n in order
    ]
