"""Computation reuse: the model that predicts the RTL's counters exactly.

Everything they count but time is decided by the values alone; :mod:`sw.strategies` has what each
strategy does for a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from .config import EngineConfig
from .images import Images
from .strategies import Work, make_model

__all__ = ["CounterModel", "Counters", "predict", "received"]


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The engine's counters, in the order of its registers.

    Parameters
    ----------
    frames : int
        Frames that left the engine, bad ones included.
    cycles : int, optional
        Clock cycles; None where a model without time made the others.
    multiplications_needed : int
        What the frames' outputs need without reuse, the templates' included.
    multiplications_executed : int
        What the multipliers of the table computed.
    lookups, hits, misses : int
        Of all channels' tables; ``lookups == hits + misses``.
    stall_cycles : int, optional
        Cycles that beats waited for misses; None where a model without time cannot say.
    frame_errors : int
        Frames that were short or long, or used a damaged weight.
    table_errors : int
        Damaged entries that were found and made again.
    """

    frames: int = 0
    cycles: int | None = None
    multiplications_needed: int = 0
    multiplications_executed: int = 0
    lookups: int = 0
    hits: int = 0
    misses: int = 0
    stall_cycles: int | None = 0
    frame_errors: int = 0
    table_errors: int = 0

    def as_dict(self) -> dict[str, int | None]:
        """Names to values, in the order of the registers."""
        return asdict(self)


def received(images: Images, lengths: Sequence[int]) -> Images:
    """What the engine makes of frames with ``lengths`` pixels: short ones are closed with zeros.

    Parameters
    ----------
    images : Images, shape (N, C, H, W)
        What was meant to be sent. The rest of a long frame is dropped, so it need not be here.
    lengths : sequence of int
        Pixels of each frame that arrived, its last marked with ``tlast``; at least one.
    """
    if min(lengths, default=1) < 1:
        raise ValueError(f"lengths: a frame has at least 1 pixel, not {min(lengths)}")
    frames = images.reshape(*images.shape[:2], -1).copy()
    for frame, length in zip(frames, lengths, strict=True):
        frame[:, length:] = 0
    return frames.reshape(images.shape)


class CounterModel:
    """The counters of an engine, fed frame by frame; products are remembered between frames.

    Parameters
    ----------
    config : EngineConfig
        Without learned kernels nothing is looked up and nothing multiplied.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._counters = Counters()
        self._strategy = make_model(config)

    def flush(self) -> None:
        """Forget all products, as a new set of weights does; the counters stay."""
        self._strategy.flush()

    @property
    def counters(self) -> Counters:
        """The counters so far; ``cycles`` is None."""
        return self._counters

    def contents(self) -> list[list[int]]:
        """The operands that each table holds, by slot; no table without learned kernels."""
        return self._strategy.contents()

    def feed(self, images: Images, lengths: Sequence[int] | None = None) -> list[Work]:
        """Send frames.

        Parameters
        ----------
        images : Images, shape (N, C, H, W)
        lengths : sequence of int, optional
            Pixels of each frame that arrive, where not all ``H * W``: see :func:`received`.

        Returns
        -------
        list of Work
            What the strategy did for each frame.
        """
        layer = self._config.layer
        errors = 0
        if lengths is not None:
            images = received(images, lengths)
            errors = sum(
                length != layer.input_shape[1] * layer.input_shape[2] for length in lengths
            )
        rows, columns = layer.padding.as_array().reshape(2, 2).T.tolist()
        work = [self._strategy.frame(np.pad(image, ((0, 0), rows, columns))) for image in images]
        self._count(work, errors)
        return work

    def _count(self, work: Sequence[Work], errors: int) -> None:
        layer, old = self._config.layer, self._counters
        total = sum(work, Work(stall_cycles=old.stall_cycles))
        self._counters = Counters(
            frames=old.frames + len(work),
            multiplications_needed=old.multiplications_needed
            + len(work) * layer.multiplications_needed,
            multiplications_executed=old.multiplications_executed + total.multiplications,
            lookups=old.lookups + total.lookups,
            hits=old.hits + total.lookups - total.misses,
            misses=old.misses + total.misses,
            stall_cycles=total.stall_cycles,
            frame_errors=old.frame_errors + errors,
        )


def predict(
    images: Images, config: EngineConfig, *, lengths: Sequence[int] | None = None
) -> Counters:
    """The counters of an engine after reset and these frames: :class:`CounterModel` in one call."""
    model = CounterModel(config)
    model.feed(images, lengths)
    return model.counters
