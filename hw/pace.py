"""How many cycles a frame takes, from how long each part of the datapath holds a beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sw.spec import LayerSpec

__all__ = ["Pace", "cycles_per_frame"]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """When a part of the datapath lets beats move, if nothing waits for products.

    Parameters
    ----------
    hold, hold_emitting : int
        The next beat moves so many cycles after one, after one that emits, or later.
    latency, result : int
        So many beats after one that emits, a beat moves ``result`` cycles after it, or later.
    delay : int
        Beats that all come later here than elsewhere.
    """

    hold: int = 1
    hold_emitting: int = 1
    latency: int = 1
    result: int = 0
    delay: int = 0


def cycles_per_frame(layer: LayerSpec, paces: Sequence[Pace]) -> int:
    """Cycles from frame to frame, with pixels always there and outputs always taken.

    Parameters
    ----------
    layer : LayerSpec
    paces : sequence of Pace
        Of the parts that move together; without any, a beat takes a cycle.
    """
    emits = np.zeros(layer.padded_shape, np.bool_)
    height, width = layer.kernel_shape
    down, across = layer.stride
    emits[height - 1 :: down, width - 1 :: across] = True
    # Row by row what each part meets; rows that are alike and begin alike are counted once.
    parts = [np.roll(emits.ravel(), pace.delay).reshape(emits.shape) for pace in paces]
    rows = [tuple(part[n].tobytes() for part in parts) for n in range(len(emits))]
    row = cache(lambda met, state: _row(paces, met, emits.shape[1], state))
    state: _State = tuple((1, (0,) * pace.latency) for pace in paces)
    frames: list[int] = []
    seen: set[_State] = set()
    while state not in seen:
        seen.add(state)
        frames.append(0)
        for met in rows:
            cycles, state = row(met, state)
            frames[-1] += cycles
    return frames[-1]


_State = tuple[tuple[int, tuple[int, ...]], ...]
"""Of each part, after a beat: what it holds it for, and when the next beats have their results."""


def _row(
    paces: Sequence[Pace], met: tuple[bytes, ...], length: int, state: _State
) -> tuple[int, _State]:
    """Cycles of a row of beats, and what is left of it."""
    now = 0
    holds = [hold for hold, _ in state]
    dues = [list(due) for _, due in state]
    for n in range(length):
        now = max([now + 1, *(now + hold for hold in holds), *(due.pop(0) for due in dues)])
        for part, pace in enumerate(paces):
            emits = met[part][n]
            holds[part] = pace.hold_emitting if emits else pace.hold
            dues[part].append(now + pace.result if emits else 0)
    left = (tuple(max(time - now, 0) for time in due) for due in dues)
    return now, tuple(zip(holds, left, strict=True))
