"""From the kernels of a bank to a network of additions: planes, trees, magnitudes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sw.templates import Pattern

from .bank_network import Network, Term
from .bank_tree import Node, factors, spanning_tree

__all__ = ["Builder", "Planes", "Product", "build_network"]

Planes = tuple[tuple[int, ...], ...]
"""Sets of channels, disjoint, ascending."""

Product = tuple[int, Pattern]
"""A kernel to make: its magnitude and its pattern (C, kh, kw)."""


class Builder:
    """Makes the network of a bank, one group of kernels after the other."""

    def __init__(self, products: Mapping[int, Product], row: int) -> None:
        self.products = products
        self.channels, *self.window = next(iter(products.values()))[1].shape
        self.row = row
        self.network = Network(self.channels, row)
        self.stages: dict[str, int] = {}
        self.outputs: dict[int, Term] = {}
        self.common = math.gcd(*(magnitude for magnitude, _ in products.values()))

    def _count(self, stage: str) -> None:
        new = len(self.network.additions) - sum(self.stages.values())
        self.stages[stage] = self.stages.get(stage, 0) + new

    def make(self, kernels: Sequence[int], planes: Planes) -> None:
        """The kernels, which are constant on each of ``planes``."""
        tops = [channels[0] for channels in planes]
        patterns = np.array([self.products[k][1][tops] for k in kernels])
        unique, which = np.unique(patterns.reshape(len(kernels), -1), axis=0, return_inverse=True)
        odd = self.common // (self.common & -self.common)
        early = odd if len(planes) <= len(unique) else 1
        lines = [self.network.sum(Term(c) for c in channels) for channels in planes]
        self._count("channel sums")
        lines = [self.network.multiply(line, early, positive=True) for line in lines]
        self._count("common magnitude")
        nodes = spanning_tree(unique.reshape(-1, *patterns.shape[1:]))
        made = self._tree(nodes, lines)
        self._count("tree")
        terms = {node.pattern.tobytes(): term for node, term in zip(nodes, made, strict=True)}
        for n, kernel in zip(which.reshape(-1), kernels, strict=True):
            factor = self.products[kernel][0] // early
            term = terms[unique[n].tobytes()]
            self.outputs[kernel] = self.network.multiply(term, factor, positive=True)
        self._count("kernel magnitudes")

    def _tree(self, nodes: Sequence[Node], planes: Sequence[Term]) -> list[Term]:
        made: list[Term] = []
        for node in nodes:
            if node.parent is None:
                made.append(self._from_nothing(node.pattern, planes))
                continue
            parent = made[node.parent]
            base = nodes[node.parent].pattern * node.sign
            terms = self._cells(node.pattern - base, planes)
            parent = parent if node.sign > 0 else -parent
            if terms:
                made.append(self.network.add(parent, self.network.sum(terms), positive=True))
            else:
                made.append(self.network.negative(-parent))
        return made

    def _cell(self, plane: Term, i: int, j: int) -> Term:
        height, width = self.window
        return plane.moved(delay=(height - 1 - i) * self.row + width - 1 - j)

    def _cells(self, pattern: Pattern, planes: Sequence[Term]) -> list[Term]:
        """The terms of a pattern of -2 to +2 over the planes."""
        return [
            self._cell(planes[p], i, j)
            .moved(shift=abs(value) - 1)
            ._replace(sign=1 if value > 0 else -1)
            for p, i, j in np.argwhere(pattern).tolist()
            if (value := int(pattern[p, i, j]))
        ]

    def _from_nothing(self, pattern: Pattern, planes: Sequence[Term]) -> Term:
        """The sum of a pattern's cells: planes, then columns, then rows, where it is separable."""
        terms = self._cells(pattern, planes)
        parts = factors(pattern)
        if parts is None or len(terms) < sum(np.count_nonzero(f) - 1 for f in parts) + 1:
            return self.network.sum(terms, positive=True)
        signed = [[(n, int(v)) for n, v in enumerate(part) if v] for part in parts]
        plane = self.network.sum(planes[n]._replace(sign=v) for n, v in signed[0])
        height, width = self.window
        column = self.network.sum(
            plane.moved(delay=(height - 1 - n) * self.row)._replace(sign=v * plane.sign)
            for n, v in signed[1]
        )
        return self.network.sum(
            (
                column.moved(delay=width - 1 - n)._replace(sign=v * column.sign)
                for n, v in signed[2]
            ),
            positive=True,
        )


def _refined(patterns: Sequence[Pattern]) -> Planes:
    """The fewest sets of channels such that every pattern is constant on each; unused left out."""
    masks: dict[bytes, list[int]] = {}
    cells = np.array(patterns)
    for channel in range(cells.shape[1]):
        if cells[:, channel].any():
            masks.setdefault(cells[:, channel].tobytes(), []).append(channel)
    return tuple(tuple(channels) for channels in masks.values())


def _groupings(products: Mapping[int, Product]) -> list[list[tuple[list[int], Planes]]]:
    """Ways to part the kernels, each group with its planes: all together, or the like apart."""
    own: dict[Planes, list[int]] = {}
    for kernel, (_, pattern) in products.items():
        own.setdefault(_refined([pattern]), []).append(kernel)
    together = [(list(products), _refined([pattern for _, pattern in products.values()]))]
    apart = [(kernels, planes) for planes, kernels in own.items() if len(kernels) > 1]
    alone = [kernels[0] for kernels in own.values() if len(kernels) == 1]
    if alone:
        apart.append((alone, _refined([products[k][1] for k in alone])))
    return [together, apart] if len(apart) > 1 else [together]


def build_network(products: Mapping[int, Product], row: int) -> Builder:
    """The network with the fewest adders of all groupings."""
    builders: list[Builder] = []
    for grouping in _groupings(products):
        builder = Builder(products, row)
        for kernels, planes in grouping:
            builder.make(kernels, planes)
        builders.append(builder)
    return min(builders, key=lambda b: len(b.network.additions))
