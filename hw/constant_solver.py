"""Shared adders for a constant matrix, by da4ml: an optional dependency, imported when needed.

What is taken over is its graph alone: which two values each adder adds, how they are shifted and
signed. Widths, registers and delays are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from sw.config_error import ConfigError
from sw.numeric import IntArray, IntRange

from .bank_network import Addition, Term

__all__ = ["EXTRA", "shared_adders"]

EXTRA = "constant"
"""The extra of pyproject.toml that brings the solver along."""


def shared_adders(matrix: IntArray, inputs: IntRange) -> tuple[list[Addition], list[Term | None]]:
    """Adders that make ``x @ matrix`` together.

    Parameters
    ----------
    matrix : IntArray, shape (N, M)
    inputs : IntRange
        Of every ``x``.

    Returns
    -------
    additions : list of Addition
        Number ``n`` makes line ``N + n``; the inputs are lines 0 to ``N - 1``. No delays.
    outputs : list of (Term or None)
        The columns' sums; None for a column of zeros.

    Raises
    ------
    ConfigError
        If da4ml is not installed.
    """
    used = np.flatnonzero(matrix.any(axis=0))
    outputs: list[Term | None] = [None] * matrix.shape[1]
    additions: list[Addition] = []
    if not len(used):
        return additions, outputs
    kernel = np.ascontiguousarray(matrix[:, used], dtype=np.float32)
    interval = (float(inputs.lo), float(inputs.hi), 1.0)
    solution = _solver().solve(kernel, qintervals=[interval] * len(matrix))
    values: list[Term | None] = [Term(n) for n in range(len(matrix))]
    for stage in solution.solutions:
        values = _stage(stage, values, additions, len(matrix))
    for column, value in zip(used.tolist(), values, strict=True):
        outputs[column] = value
    return additions, outputs


def _solver() -> Any:
    try:
        return import_module("da4ml.cmvm")
    except ImportError as error:
        raise ConfigError(
            f"strategy = constant needs da4ml, which is not installed: install the extra {EXTRA!r} "
            f"(pip install -r requirements-{EXTRA}.lock, or katazome[{EXTRA}])"
        ) from error


def _stage(
    stage: Any, inputs: Sequence[Term | None], additions: list[Addition], lines: int
) -> list[Term | None]:
    """Append the adders of one stage of a solution; returns its outputs."""
    made: list[Term | None] = []
    for operation in stage.ops:
        if operation.opcode == -1:  # an input of the stage; zeros are read, but never used
            term = inputs[operation.id0]
            made.append(term and term.moved(shift=stage.inp_shifts[operation.id0]))
            continue
        assert operation.opcode in (0, 1), "a constant matrix takes sums and differences alone"
        a, b = made[operation.id0], made[operation.id1]
        assert a is not None, "a column of zeros is no operand"
        assert b is not None, "a column of zeros is no operand"
        b = b.moved(shift=operation.data)
        made.append(_added(a, -b if operation.opcode else b, additions, lines))
    outputs = zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
    return [_output(made, *output) for output in outputs]


def _added(a: Term, b: Term, additions: list[Addition], lines: int) -> Term:
    """``a + b`` as a line of its own, without a common shift or a common minus."""
    shift = min(a.shift, b.shift)
    sign = -1 if a.sign < 0 and b.sign < 0 else 1
    a, b = (t._replace(sign=t.sign * sign, shift=t.shift - shift) for t in (a, b))
    additions.append(Addition(a, b))
    return Term(lines + len(additions) - 1, sign, shift)


def _output(made: Sequence[Term | None], index: int, shift: int, negative: bool) -> Term | None:
    term = made[index] if index >= 0 else None
    if term is None:
        return None
    term = term.moved(shift=shift)
    return -term if negative else term
