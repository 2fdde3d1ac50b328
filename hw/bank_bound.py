"""How few adders a template bank could have."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sw.templates import Pattern

from .bank_build import Product

__all__ = ["adders_lower_bound"]


def adders_lower_bound(products: Sequence[Product]) -> int:
    """Two-operand adders without which no network of (1)'s form makes all ``products``.

    Notes
    -----
    Call two kernels *alike* if one is the other delayed, negated or scaled by a power of two; only
    those may share an adder's result. Every kernel has two cells or more, so none is a channel.

    - With N kinds of kernels unlike one another, N adders make one of each. Take the first of
      these in the order of the network. Each adder at most doubles the number of cells of its
      larger operand, so the first one, of s cells, has at least ceil(log2(s)) adders in its
      cone, and none but the last of them makes a kernel. So there are at least
      ``N - 1 + ceil(log2(s))``, s being the fewest cells of any kernel.
    - Set a channel to zero. If a kernel that uses it has two cells or more, an adder reads the
      channel, and this adder now adds nothing: what is left of the network makes the kernels
      without that channel, with one adder less. So a bound for fewer channels, plus one for each
      channel left out, is a bound. (A kernel with one cell left needs no adder any more.)
    """
    cells = np.array([pattern for _, pattern in products])
    odd = [magnitude // (magnitude & -magnitude) for magnitude, _ in products]
    best = _plain_bound(odd, cells)
    sizes = np.count_nonzero(cells, axis=(2, 3))
    for survivor in range(sizes.shape[1]):
        left = sizes.sum(axis=1)
        removed = 0
        for channel in range(sizes.shape[1]):
            if channel != survivor:
                removed += bool(((sizes[:, channel] > 0) & (left > 1)).any())
                left -= sizes[:, channel]
        best = max(best, removed + _plain_bound(odd, cells[:, survivor : survivor + 1]))
    return best


def _plain_bound(odd: Sequence[int], patterns: Pattern) -> int:
    """``N - 1 + ceil(log2(s))`` over the patterns of two cells or more."""
    sizes = [(np.count_nonzero(p), m, p) for m, p in zip(odd, patterns, strict=True)]
    kept = [(size, m, p) for size, m, p in sizes if size > 1]
    if not kept:
        return 0
    kinds = {(m, _up_to_delay_and_sign(p)) for _, m, p in kept}
    return len(kinds) - 1 + math.ceil(math.log2(min(size for size, _, _ in kept)))


def _up_to_delay_and_sign(pattern: Pattern) -> bytes:
    _, rows, columns = np.nonzero(pattern)
    moved = np.roll(pattern, (-rows.min(), -columns.min()), axis=(1, 2))
    first = moved[tuple(np.argwhere(moved)[0])]
    return (moved * first).tobytes()
