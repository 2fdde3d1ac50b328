"""The plan of a template bank: which additions make its sums, from which delays, how wide.

Beat domain: ``x[c](t)`` is channel ``c`` at beat ``t``. Kernel ``k`` with magnitude ``A`` gives

    y[k](t) = A[k] * sum(pattern[k][c, i, j] * x[c](t - (kh-1-i) * row - (kw-1-j)))         (1)

where ``row`` is the padded frame's width: the window that ends at beat ``t``. Channels that no
kernel tells apart are summed first, to *planes*; the patterns over planes form a spanning tree
(:mod:`hw.bank_tree`), whose edges become additions over delayed lines (:mod:`hw.bank_network`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from sw.config import EngineConfig
from sw.numeric import IntArray, IntRange

from .bank_bound import adders_lower_bound
from .bank_build import Product, build_network
from .bank_network import Addition, Network, Term, Vector, schedule, symbolic
from .blocks.tapped_delay import storage

__all__ = [
    "BankPlan",
    "Operand",
    "Operation",
    "bank_products",
    "checked_limits",
    "line_limits",
    "plan_bank",
    "time_network",
]

MAX_IMPROVED = 2000
"""Networks of more additions than this are scheduled as late as possible and left so."""


@dataclass(frozen=True)
class Operand:
    """``+-2**shift`` times a line as it was ``tap`` beats ago."""

    line: int
    tap: int
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class Operation:
    """``register <= a + b``; the result is a new line.

    Parameters
    ----------
    a, b : Operand
        Not both negative.
    limits : IntRange
        Exact bounds of the result.
    """

    a: Operand
    b: Operand
    limits: IntRange


@dataclass(frozen=True, kw_only=True, eq=False)
class BankPlan:
    """Everything that the RTL of a template bank needs.

    Parameters
    ----------
    channels : int
        Lines 0 to ``channels - 1``; operation ``n`` makes line ``channels + n``.
    input_range : IntRange
    operations : tuple of Operation
        Operands before results.
    outputs : dict of int to Operand
        By kernel, ascending: line, tap and shift of its sum; never negative.
    output_ranges : dict of int to IntRange
    latency : int
        Beats from the newest cell of a window to all its sums.
    stages : dict of str to int
        Adders by purpose: channel sums, common magnitude, tree, kernel magnitudes.
    adders_lower_bound : int or None
        See :func:`hw.bank_bound.adders_lower_bound`; None where none is known.
    """

    channels: int
    input_range: IntRange
    operations: tuple[Operation, ...]
    outputs: dict[int, Operand]
    output_ranges: dict[int, IntRange]
    latency: int
    stages: dict[str, int]
    adders_lower_bound: int | None

    @property
    def adders(self) -> int:
        """Adders, those of the channel sums and magnitudes included."""
        return len(self.operations)

    @cached_property
    def line_ranges(self) -> tuple[IntRange, ...]:
        """Exact bounds of every line."""
        return (self.input_range,) * self.channels + tuple(op.limits for op in self.operations)

    @cached_property
    def taps(self) -> tuple[tuple[int, ...], ...]:
        """For each line the delays at which it is used, ascending."""
        used: list[set[int]] = [set() for _ in self.line_ranges]
        operands = [o for op in self.operations for o in (op.a, op.b)]
        for operand in (*operands, *self.outputs.values()):
            used[operand.line].add(operand.tap)
        return tuple(tuple(sorted(taps)) for taps in used)

    @cached_property
    def register_bits(self) -> int:
        """Flip-flops of data: results, short delays, and the memories' output registers."""
        return sum(self.line_bits)

    @cached_property
    def line_bits(self) -> tuple[int, ...]:
        """Of these the flip-flops of each line."""
        results = [0] * self.channels + [1] * len(self.operations)
        return tuple(
            limits.bits * (result + storage(taps)[0])
            for limits, taps, result in zip(self.line_ranges, self.taps, results, strict=True)
        )

    @cached_property
    def memory_bits(self) -> int:
        """Bits of the memories that are the long delays."""
        return sum(
            limits.bits * storage(taps)[1]
            for limits, taps in zip(self.line_ranges, self.taps, strict=True)
        )

    def evaluate(self, beats: IntArray) -> IntArray:
        """Carry the plan out, register by register.

        Parameters
        ----------
        beats : IntArray, shape (C, N)
            The channels at beats 0 to N-1; before them all is zero.

        Returns
        -------
        IntArray, shape (K, N)
            What the block shows at each beat, kernels ascending; the sums of the window that ends
            at beat ``t`` are at ``t + latency``.
        """
        lines = list(np.asarray(beats, dtype=np.int64))
        for op in self.operations:
            lines.append(_delayed(_read(lines, op.a) + _read(lines, op.b), 1))
        return np.array([_read(lines, operand) for operand in self.outputs.values()])

    def describe(self) -> str:
        """A short table of what the plan is made of."""
        purposes = ", ".join(f"{n} {stage}" for stage, n in self.stages.items() if n)
        widths = Counter(op.limits.bits for op in self.operations)
        rows = {
            "kernels": str(len(self.outputs)),
            "adders": f"{self.adders} ({purposes})",
            "lower bound": str(self.adders_lower_bound or "unknown"),
            "adder widths": ", ".join(f"{n} x {bits} bits" for bits, n in sorted(widths.items())),
            "latency": f"{self.latency} beats",
            "registers": f"{self.register_bits} bits",
            "memories": f"{self.memory_bits} bits",
        }
        return "\n".join(f"{name:<14}{value}" for name, value in rows.items())


def _delayed(values: IntArray, beats: int) -> IntArray:
    kept = max(len(values) - beats, 0)
    return np.concatenate([np.zeros(len(values) - kept, np.int64), values[:kept]])


def _read(lines: Sequence[IntArray], operand: Operand) -> IntArray:
    scaled = _delayed(lines[operand.line], operand.tap) << operand.shift
    return -scaled if operand.negative else scaled


def _limits(vector: Vector, inputs: IntRange) -> IntRange:
    """Exact bounds of the sum of independent inputs times ``vector``'s coefficients."""
    total = sum(vector.values())
    plus = (sum(map(abs, vector.values())) + total) // 2
    minus = plus - total
    return inputs.scaled(plus) + (-inputs).scaled(minus)


def line_limits(channels: int, additions: Sequence[Addition], inputs: IntRange) -> list[IntRange]:
    """Exact bounds of every line of a network."""
    made = (_limits(vector, inputs) for _, vector in symbolic(channels, additions))
    return [inputs] * channels + list(made)


def _expected(product: Product, row: int, latency: int) -> Vector:
    """Equation (1)'s coefficients, ``latency`` beats later."""
    magnitude, pattern = product
    channels, height, width = pattern.shape
    return {
        ((height - 1 - i) * row + width - 1 - j + latency) * channels + c: magnitude
        * int(pattern[c, i, j])
        for c, i, j in np.argwhere(pattern).tolist()
    }


def checked_limits(
    timed: Sequence[Addition],
    outputs: Mapping[int, Term],
    products: Mapping[int, Product],
    *,
    inputs: IntRange,
    row: int,
    latency: int,
) -> list[IntRange]:
    """Bounds of all lines, found by evaluating the timed network symbolically.

    Each sum is compared with (1), coefficient by coefficient: a wrong plan never leaves here.
    """
    channels = next(iter(products.values()))[1].shape[0]
    wanted: dict[int, list[int]] = {}
    for kernel, term in outputs.items():
        wanted.setdefault(term.line, []).append(kernel)
    limits: list[IntRange] = []
    given = ((channel, {channel: 1}) for channel in range(channels))
    for line, vector in chain(given, symbolic(channels, timed)):
        limits.append(_limits(vector, inputs))
        for kernel in wanted.pop(line, ()):
            moved, shift = outputs[kernel].delay * channels, outputs[kernel].shift
            made = {key + moved: value << shift for key, value in vector.items()}
            assert made == _expected(products[kernel], row, latency), f"kernel {kernel} is wrong"
    assert not wanted, "a kernel has no sum"
    return limits


def bank_products(config: EngineConfig) -> dict[int, Product]:
    """What the bank of ``config`` must make, by kernel.

    Raises
    ------
    ValueError
        If there is no template kernel.
    """
    products = {
        k: (config.magnitude(k), kernel.pattern) for k, kernel in config.template_kernels.items()
    }
    if not products:
        raise ValueError(f"{config.name}: the bank needs at least one template kernel")
    return products


def plan_bank(config: EngineConfig) -> BankPlan:
    """Plan the template bank of ``config``.

    The plan is checked symbolically, every coefficient of every sum, before it is returned.

    Raises
    ------
    ValueError
        If the configuration has no template kernel.
    """
    products = bank_products(config)
    inputs = config.layer.input_format.range
    builder = build_network(products, config.layer.padded_shape[1])
    return time_network(
        builder.network,
        builder.outputs,
        products,
        inputs=inputs,
        stages=builder.stages,
        lower_bound=adders_lower_bound(list(products.values())),
    )


def time_network(
    network: Network,
    sums: Mapping[int, Term],
    products: Mapping[int, Product],
    *,
    inputs: IntRange,
    stages: dict[str, int],
    lower_bound: int | None = None,
    least_latency: int = 0,
) -> BankPlan:
    """Give every adder of a network its time, its delays and its width.

    The result is checked symbolically, every coefficient of every sum, before it is returned.

    Parameters
    ----------
    network : Network
    sums : mapping of kernel to Term
    products : mapping of kernel to Product
        What each sum must be; the pattern may have any integers.
    inputs : IntRange
    stages, lower_bound
        See :class:`BankPlan`.
    least_latency : int
        1: every output comes from a register.
    """
    channels, additions = network.channels, network.additions
    outputs = {kernel: sums[kernel] for kernel in sorted(products)}
    widths = None
    if len(additions) <= MAX_IMPROVED:
        widths = [limits.bits for limits in line_limits(channels, additions, inputs)]
    times, latency = schedule(
        channels, additions, list(outputs.values()), widths, least_latency=least_latency
    )

    def timed(term: Term, time: int) -> Term:
        return term.moved(delay=time - times[term.line])

    # A result leaves its adder's register one beat after its operands.
    additions = [
        Addition(timed(a, times[n]), timed(b, times[n]))
        for n, (a, b) in enumerate(additions, channels)
    ]
    outputs = {kernel: timed(term, latency) for kernel, term in outputs.items()}
    limits = checked_limits(
        additions, outputs, products, inputs=inputs, row=network.row, latency=latency
    )
    return BankPlan(
        channels=channels,
        input_range=inputs,
        operations=tuple(
            Operation(_operand(a, 1), _operand(b, 1), limits[n])
            for n, (a, b) in enumerate(additions, channels)
        ),
        outputs={kernel: _operand(term, 0) for kernel, term in outputs.items()},
        output_ranges={k: limits[t.line].scaled(1 << t.shift) for k, t in outputs.items()},
        latency=latency,
        stages=stages,
        adders_lower_bound=lower_bound,
    )


def _operand(term: Term, register: int) -> Operand:
    """``term``, ``register`` beats of whose delay are the adder's own register."""
    return Operand(term.line, term.delay - register, term.shift, negative=term.sign < 0)
