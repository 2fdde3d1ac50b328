"""The plan of the kernels whose weights are built in: adders that they share, narrow ones first.

A kernel is cut into its columns: column ``j`` of all kernels is one product of a constant matrix
with the pixels of a column of the window,

    y[k](t) = sum over j of z[k, j](t - (kw-1-j))                                           (1)
    z[k, j](t) = sum over c, i of weight[k, c, i, j] * x[c](t - (kh-1-i) * row)             (2)

so that what two columns have in common is made once, whichever kernels they are of: (2) is the
same for all columns but for the time. A solver finds what to share (:mod:`hw.constant_solver`). Of
its graph only the values that are used more than once are kept; everything between is one sum of
many terms, and is summed anew, the narrowest adder first. The solver's result depends on the order
of rows and columns, so that several orders are tried.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from itertools import count

import numpy as np

from sw.config import EngineConfig
from sw.numeric import IntArray, IntRange

from .bank_build import Product, build_network
from .bank_network import Addition, Network, Term
from .bank_plan import BankPlan, bank_products, line_limits, time_network
from .constant_solver import shared_adders

__all__ = ["add_constants", "add_in_order", "adder_bits", "plan_constant", "plan_sums"]

_SEED = 0
_WEIGHTS_AN_ORDER = 3
_MOST_WEIGHTS = 12_000
"""In all orders together: some ten seconds."""


def plan_constant(config: EngineConfig) -> BankPlan:
    """Plan the learned kernels of ``config``, their weights built in.

    The same weights give the same plan. It is checked symbolically, every coefficient of every
    sum, before it is returned. Its latency is at least 1.

    Raises
    ------
    ConfigError
        If the solver is not installed.
    """
    inputs = config.layer.input_format.range
    network = Network(config.layer.channels, config.layer.padded_shape[1])
    sums = add_constants(network, config.learned_weight, inputs)
    return time_network(
        network,
        dict(zip(config.learned, sums, strict=True)),
        _products(config),
        inputs=inputs,
        stages={"constant weights": len(network.additions)},
        least_latency=1,
    )


def plan_sums(config: EngineConfig) -> BankPlan:
    """Plan all kernels of ``config`` at once: its templates, and the others' built-in weights.

    As :func:`plan_constant`; the two share the delays of the pixels, and any sum they both have.
    """
    inputs, row = config.layer.input_format.range, config.layer.padded_shape[1]
    network, sums, products, stages = Network(config.layer.channels, row), {}, {}, {}
    if config.template_kernels:
        products = bank_products(config)
        bank = build_network(products, row)
        network, sums, stages = bank.network, bank.outputs, bank.stages
    if config.learned:
        known = len(network.additions)
        made = add_constants(network, config.learned_weight, inputs)
        sums = sums | dict(zip(config.learned, made, strict=True))
        stages = stages | {"constant weights": len(network.additions) - known}
    return time_network(
        network,
        sums,
        products | _products(config),
        inputs=inputs,
        stages=stages,
        least_latency=1,
    )


def _products(config: EngineConfig) -> dict[int, Product]:
    return {kernel: (1, config.layer.weight[kernel]) for kernel in config.learned}


def add_constants(network: Network, weight: IntArray, inputs: IntRange) -> list[Term]:
    """Add kernels to a network, in the best of some orders; returns each one's sum.

    Parameters
    ----------
    network : Network
    weight : IntArray, shape (K, C, kh, kw)
    inputs : IntRange
        Of a pixel's channel.
    """
    rng = np.random.default_rng(_SEED)
    kernels, channels, height, width = weight.shape
    count = max(1, min(weight.size // _WEIGHTS_AN_ORDER, _MOST_WEIGHTS // weight.size))
    orders = [
        (rng.permutation(channels * height), rng.permutation(kernels * width)) for _ in range(count)
    ]

    def cells(order: tuple[IntArray, IntArray]) -> int:
        alone = Network(channels, network.row)
        add_in_order(alone, weight, inputs, order)
        return _cells(alone, inputs)

    return add_in_order(network, weight, inputs, min(orders, key=cells))


def add_in_order(
    network: Network, weight: IntArray, inputs: IntRange, order: tuple[IntArray, IntArray]
) -> list[Term]:
    """Add kernels to a network; returns each one's sum, never negated.

    Parameters
    ----------
    network, weight, inputs
        As for :func:`add_constants`.
    order : pair of IntArray
        In which the solver gets the lines (C, kh) and the columns (K, kw).
    """
    kernels, channels, height, width = weight.shape
    rows, columns = order
    matrix = weight.transpose(1, 2, 0, 3).reshape(channels * height, kernels * width)
    additions, made = shared_adders(matrix[np.ix_(rows, columns)], inputs)
    lines = [
        Term(n // height, delay=(height - 1 - n % height) * network.row) for n in rows.tolist()
    ]
    parts: list[list[Term]] = [[] for _ in range(kernels)]
    for n, term in zip(columns.tolist(), made, strict=True):
        if term is not None:
            parts[n // width].append(term.moved(delay=width - 1 - n % width))
    maker = _Maker(network, inputs, lines, additions, parts)
    return [maker.output(terms) for terms in parts]


def adder_bits(addition: Addition, limits: IntRange) -> int:
    """Bits of an adder with a result in ``limits``: low bits of one operand alone pass it by."""
    a, b = addition
    if a.sign < 0 or (a.shift and b.sign > 0):
        a, b = b, a
    return max(limits.bits - (0 if a.shift else b.shift), 0)


def _carry_cells(addition: Addition, limits: IntRange) -> int:
    """Carry cells of an adder, of two bits each as FPGAs have them."""
    return (adder_bits(addition, limits) + 1) // 2


def _cells(network: Network, inputs: IntRange) -> int:
    """Carry cells of all adders."""
    limits = line_limits(network.channels, network.additions, inputs)[network.channels :]
    return sum(map(_carry_cells, network.additions, limits))


class _Maker:
    """Makes a solver's values in a network, those used more than once as lines of their own."""

    def __init__(
        self,
        network: Network,
        inputs: IntRange,
        lines: Sequence[Term],
        additions: Sequence[Addition],
        outputs: Sequence[Sequence[Term]],
    ) -> None:
        self.network = network
        self._limits = line_limits(network.channels, network.additions, inputs)
        self._additions, self._inputs = additions, len(lines)
        users = [*additions, *outputs]
        self._uses = Counter(term.line for terms in users for term in terms)
        self._made: dict[int, Term] = dict(enumerate(lines))
        for line, addition in enumerate(additions, len(lines)):
            if self._uses[line] > 1:
                self._made[line] = self._sum(self._flat(addition))

    def output(self, terms: Sequence[Term]) -> Term:
        """The sum of these of the solver's terms, with a positive sign."""
        flat = self._flat(terms)
        if not flat:  # a kernel of zeros
            return self.network.add(Term(0), -Term(0))
        return self._sum(flat, positive=True)

    def _flat(self, terms: Sequence[Term]) -> list[Term]:
        """The terms, each value that is used once replaced by what it is the sum of."""
        flat: list[Term] = []
        for term in terms:
            made = self._made.get(term.line)
            parts = [made] if made else self._flat(self._additions[term.line - self._inputs])
            flat += [
                part.moved(shift=term.shift, delay=term.delay)._replace(sign=part.sign * term.sign)
                for part in parts
            ]
        return flat

    def _sum(self, terms: Sequence[Term], *, positive: bool = False) -> Term:
        """Their sum, by the narrowest adders first; ``positive``: with a positive sign.

        Of adders of equal cells the one that is ready first: fewer values wait for others.
        """
        left: dict[int, Term] = {}
        pairs: list[tuple[int, int, int, int]] = []
        new, pending = count(), list(terms)
        while len(left) + len(pending) > 1:
            for term in pending:
                n = next(new)
                for m, other in left.items():
                    ready = max(self.network.ready(other), self.network.ready(term))
                    heapq.heappush(pairs, (self._cells(other, term), ready, m, n))
                left[n] = term
            _, _, m, n = heapq.heappop(pairs)
            pending = []
            if m in left and n in left:
                a, b = left.pop(m), left.pop(n)
                last = positive and not any(term.sign > 0 for term in left.values())
                pending.append(self._add(a, b, positive=last))
        (total,) = [*left.values(), *pending]
        if positive and total.sign < 0:
            return self._known(self.network.negative(-total), self._range(total))
        return total

    def _add(self, a: Term, b: Term, *, positive: bool) -> Term:
        """``a + b``; ``positive``: of two signs, the sum's is plus."""
        shift = min(a.shift, b.shift)
        a, b = a.moved(shift=-shift), b.moved(shift=-shift)
        flip = not positive and _gains_by_minus(a, b)
        made = self.network.add(-a, -b) if flip else self.network.add(a, b)
        made = self._known(-made if flip else made, self._range(a) + self._range(b))
        return made.moved(shift=shift)

    def _cells(self, a: Term, b: Term) -> int:
        """Carry cells of the adder of ``a + b``, by the bounds of the two."""
        shift = min(a.shift, b.shift)
        a, b = a.moved(shift=-shift), b.moved(shift=-shift)
        limits = self._range(a) + self._range(b)
        flip = _gains_by_minus(a, b)
        if flip:
            return _carry_cells(Addition(-a, -b), -limits)
        return _carry_cells(Addition(a, b), limits)

    def _range(self, term: Term) -> IntRange:
        scaled = self._limits[term.line].scaled(1 << term.shift)
        return scaled if term.sign > 0 else -scaled

    def _known(self, term: Term, limits: IntRange) -> Term:
        """``term``, whose bounds are remembered if its line is new."""
        if term.line == len(self._limits):
            self._limits.append(limits if term.sign > 0 else -limits)
        return term


def _gains_by_minus(a: Term, b: Term) -> bool:
    """Whether ``-(a + b)`` has more low bits that need no adder: those of a plus alone."""
    if a.sign == b.sign:
        return False
    plus, minus = (a, b) if a.sign > 0 else (b, a)
    return plus.shift > minus.shift
