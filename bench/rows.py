"""The rows of the benchmark: to compare one more design, add one here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sw.config import EngineConfig
from sw.configfile import load_config

from .cores import constant_layer, core_alone
from .design import Design
from .nngen import nngen_layer
from .ours import bank, constant_config, engine, templates_config

__all__ = ["ROWS", "SEEDS", "Row", "rows_named"]

SEEDS = 3
"""Of a row, each of which is placed and routed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A design, what must be said beside its figures, and how long it may take.

    Parameters
    ----------
    key : str
        For ``--rows``, and in the JSON.
    title : str
    make : function
        Generates it.
    loads : str
        ``"constant"`` or ``"run time"``: when its learned weights are set.
    scale : str
        What becomes of the templates' magnitude.
    back_pressure : bool
        Whether the stream can be held.
    notes : tuple of str
        What is not like for like.
    ours : bool
    synthesis_seconds, placing_seconds : float
        For one synthesis; for all seeds together, one after the other.
    seeds : int
        At most so many are placed and routed: fewer where one takes most of the time.
    """

    key: str
    title: str
    make: Callable[[], Design]
    loads: str
    scale: str
    back_pressure: bool
    notes: tuple[str, ...] = ()
    ours: bool = False
    synthesis_seconds: float = 900
    placing_seconds: float = 1200
    seeds: int = SEEDS


_ENDLESS: dict[str, Any] = {"placing_seconds": 240, "seeds": 1}
"""For a design whose routing never ended, in 900 s: its placement does."""


def _peer(
    key: str,
    title: str,
    make: Callable[[], Design],
    scale: str,
    *notes: str,
    **times: Any,
) -> Row:
    return Row(
        key=key,
        title=title,
        make=make,
        loads="constant",
        scale=scale,
        back_pressure=False,
        notes=notes,
        **times,
    )


def _core(
    generator: str,
    weights: str,
    scale: str,
    *notes: str,
    cutoff: int = 2,
    key: str = "",
    **times: Any,
) -> Row:
    title = f"{generator}, {weights}" + (", one adder a stage" if cutoff == 1 else "")
    return _peer(
        key or f"{generator} {weights}".replace("+ ", "").replace(" ", "-").lower(),
        title,
        lambda: constant_layer(generator, weights, latency_cutoff=cutoff),
        scale,
        *notes,
        **times,
    )


def _da4ml() -> tuple[Row, ...]:
    alone = _peer(
        "da4ml-core",
        "da4ml, core only, templates",
        lambda: core_alone("da4ml", "templates, 1", latency_cutoff=2),
        "left out",
        "no line buffer, no window; is fed nine sums over the channels",
    )
    return (
        _core("da4ml", "templates", "x 74"),
        _core("da4ml", "templates", "x 74", cutoff=1, key="da4ml-templates-deep"),
        alone,
        _core("da4ml", "templates + 7 uniform", "x 74"),
        _core("da4ml", "templates + 7 Gaussian", "x 148", seeds=1),
        _core(
            "da4ml",
            "32 uniform",
            "none",
            "no template among its kernels",
            **_ENDLESS,
        ),
    )


def _alkaid() -> tuple[Row, ...]:
    return (
        _core("alkaid", "templates", "x 74"),
        _core("alkaid", "templates", "x 74", cutoff=1, key="alkaid-templates-deep"),
        _core("alkaid", "templates + 7 uniform", "x 74"),
    )


def _plain() -> Row:
    return _peer(
        "plain",
        "plain `*`, templates + 7 uniform",
        lambda: constant_layer("plain", "templates + 7 uniform"),
        "x 74",
        "one `*` a weight, left to Yosys",
    )


def _nngen() -> Row:
    return Row(
        key="nngen",
        title="NNgen, parallelism 1/1, templates + 7 uniform",
        make=lambda: nngen_layer("templates + 7 uniform"),
        loads="run time",
        scale="x 74",
        back_pressure=True,
        notes=(
            "takes pixels and weights from memory over AXI4, templates as any other kernel",
            "cycles with a memory that never waits",
        ),
        placing_seconds=900,
        seeds=1,
    )


def _part(key: str, title: str, config: Callable[[], EngineConfig], scale: str = "x 74") -> Row:
    """Of ours, a part alone, without bus and counters."""
    return Row(
        key=key,
        title=f"Katazome, {title}",
        make=lambda: bank(config()),
        loads="constant",
        scale=scale,
        back_pressure=True,
        ours=True,
    )


def _engine(
    key: str,
    title: str,
    config: Callable[[], EngineConfig],
    *notes: str,
    loads: str = "constant",
    scale: str = "x 74",
    **times: Any,
) -> Row:
    """Of ours, a whole engine."""
    return Row(
        key=key,
        title=f"Katazome, {title}",
        make=lambda: engine(config()),
        loads=loads,
        scale=scale,
        back_pressure=True,
        notes=("with AXI4-Stream, AXI4-Lite, counters, and frames guarded", *notes),
        ours=True,
        **times,
    )


def _ours() -> tuple[Row, ...]:
    mixed = "templates + 7 uniform"
    return (
        _part(
            "bank",
            "`hlac25-bank`",
            lambda: load_config("hlac25-bank"),
            "left to the channel's scale",
        ),
        _part(
            "bank-scaled",
            "template bank, magnitude multiplied in",
            lambda: templates_config("templates", top="template_bank"),
        ),
        _engine(
            "engine-templates",
            "engine, templates only",
            lambda: templates_config("templates", top="engine"),
        ),
        _part("sums-constant", f"all sums, {mixed}", lambda: constant_config(mixed, top="sums")),
        _engine(
            "engine-constant", f"engine, {mixed}", lambda: constant_config(mixed, top="engine")
        ),
        _engine(
            "cifar10-layer1",
            "`cifar10-layer1`: templates + 7 learned, CAM of 256",
            lambda: load_config("cifar10-layer1"),
            "cycles of a frame whose values are all in the table",
            loads="run time",
            scale="x 148",
            **_ENDLESS,
        ),
        *(
            _engine(
                f"cifar10-layer1-{size}",
                f"`cifar10-layer1-{size}`: templates + 7 learned, {strategy}",
                partial(load_config, f"cifar10-layer1-{size}"),
                loads="run time",
                scale="x 148",
            )
            for size, strategy in (
                ("full", "a table of all products"),
                ("small", "9 taps in turn"),
                ("smallest", "4 products at a time, templates by one adder"),
            )
        ),
    )


ROWS: tuple[Row, ...] = (*_ours(), *_da4ml(), *_alkaid(), _plain(), _nngen())
"""All of them, in the table's order."""


def rows_named(keys: list[str] | None) -> tuple[Row, ...]:
    """The rows of these keys, in the table's order.

    Raises
    ------
    ValueError
        If there is no row of such a key.
    """
    if unknown := set(keys or ()) - {row.key for row in ROWS}:
        known = ", ".join(row.key for row in ROWS)
        raise ValueError(f"--rows: no row {', '.join(sorted(unknown))}; there are {known}")
    return tuple(row for row in ROWS if not keys or row.key in keys)
