"""What a training run is: everything that decides its result, in one validated record."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sw.cli import InputError

__all__ = ["FORMATS", "RECIPES", "SYSTEMS", "Options", "Recipe", "recipe_of"]

SYSTEMS = ("plain", "lbcnn", "binary", "pow2", "clustered")
"""How the weights of a network are made; see :mod:`sw.train.systems`."""
FORMATS = ("float", "fixed8", "int8")
"""What a network computes in; see :mod:`sw.train.quantise`."""

_STAGES = re.compile(r"(?!0)\d{1,3}p?(,(?!0)\d{1,3}p?){0,7}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How long and how fast a data set is trained: measured, for one core and a few minutes."""

    epochs: int
    rate: float
    decay: float


RECIPES = {
    "mnist": Recipe(epochs=6, rate=0.1, decay=5e-4),
    "cifar10": Recipe(epochs=10, rate=0.1, decay=5e-4),
}
NAMED = {
    "mnist-16p-16p-plain-hlac25-f16-s0-int8": "mnist-net",
    "cifar10-plain-hlac25-s0-int8": "cifar10-net",
}
"""Networks for chips, by the names of their runs."""
FINE_TUNING = Recipe(epochs=1, rate=0.01, decay=5e-4)
"""Of a trained network that is quantised."""


def recipe_of(data: str, format_name: str) -> Recipe:
    """How a network of a data set is trained, or trained on in a format other than float."""
    return RECIPES[data] if format_name == "float" else FINE_TUNING


@dataclass(frozen=True, kw_only=True)
class Options:
    """One run; equal options on the same machine give the same bits.

    Parameters
    ----------
    data : {"mnist", "cifar10"}
    system : one of SYSTEMS
        Of all convolutions; ``clustered`` is of the first layer and needs ``base``.
    templates : str
        ``none``, a bank's name or the path of a bank file; of the first layer.
    fixed : int, optional
        How many kernels are fixed, the bank's first ones; all of the bank where it is None.
    seed : int
        Of the initial weights, the order of images and their augmentation.
    epochs, batch : int
    rate : float
        The largest learning rate of the one-cycle schedule.
    decay : float
        Weight decay.
    threads : int
        Of PyTorch. Sums are split over them, so it is part of what decides the bits.
    device : {"cpu", "cuda"}
    samples : bool
        Train and test on the 1,000 images of the repository: to try the machinery, no result.
    clusters : int
        Representatives of the first layer's 3x3 slices, for ``clustered``.
    base : str
        The finished run, its folder or its model, that ``clustered`` and a format other than
        float start from; empty for none.
    stages : str
        Kernels of each stage, with a ``p`` where a 2x2 maximum follows: ``16p,16p``; empty: the
        data set's usual network.
    format : one of FORMATS
        Other than float: the base, of the same network, is trained on in this format.

    Raises
    ------
    InputError
        If a field is out of range or does not fit another.
    """

    data: str
    system: str = "plain"
    templates: str = "none"
    fixed: int | None = None
    seed: int = 0
    epochs: int
    batch: int = 128
    rate: float
    decay: float
    threads: int = 1
    device: str = "cpu"
    samples: bool = False
    clusters: int = 16
    base: str = ""
    stages: str = ""
    format: str = "float"

    def __post_init__(self) -> None:
        self._check_choices()
        for name, low in (("seed", 0), ("epochs", 1), ("batch", 2), ("threads", 1)):
            if getattr(self, name) < low:
                raise InputError(f"{name} must be {low} or more, not {getattr(self, name)}")
        if self.rate <= 0 or self.decay < 0:
            raise InputError(f"rate must be above 0 and decay not below, not {self.rate}")
        if not 2 <= self.clusters <= 96:
            raise InputError(f"clusters must be 2 to 96, not {self.clusters}")
        if self.stages and not _STAGES.fullmatch(self.stages):
            raise InputError(
                f"stages must be kernels of 1 to 999, each with p for a maximum after it, as in "
                f"16p,16p; not {self.stages!r}"
            )

    def _check_choices(self) -> None:
        if self.data not in RECIPES:
            raise InputError(f"data must be mnist or cifar10, not {self.data!r}")
        if self.system not in SYSTEMS:
            raise InputError(f"system must be one of {', '.join(SYSTEMS)}, not {self.system!r}")
        if self.templates != "none" and self.system != "plain":
            raise InputError(f"templates need system plain; {self.system} makes its own kernels")
        if self.templates == "none" and self.fixed is not None:
            raise InputError("fixed needs templates: name a bank, or leave fixed out")
        if self.format not in FORMATS:
            raise InputError(f"format must be one of {', '.join(FORMATS)}, not {self.format!r}")
        if self.format != "float" and self.system != "plain":
            raise InputError(f"format {self.format} needs system plain, not {self.system}")
        if (self.system == "clustered" or self.format != "float") != bool(self.base):
            raise InputError(
                "system clustered and the formats fixed8 and int8, and nothing else, need base, a "
                "finished run's folder or model"
            )

    @staticmethod
    def of(data: str, **changes: Any) -> Options:
        """The usual recipe, with ``changes``; those that are None are left as they are."""
        if data not in RECIPES:
            raise InputError(f"data must be mnist or cifar10, not {data!r}")
        given = {name: value for name, value in changes.items() if value is not None}
        recipe = recipe_of(data, given.get("format", "float"))
        return replace(Options(data=data, **asdict(recipe)), **given)

    @property
    def title(self) -> str:
        """What its exported network is called: a short name, where it has one."""
        return NAMED.get(self.name, self.name)

    @property
    def name(self) -> str:
        """Names the run among those of the repository: ``cifar10-plain-hlac25-s0``."""
        bank = Path(self.templates).stem if self.templates != "none" else "none"
        count = "" if self.fixed is None else f"-f{self.fixed}"
        shape = f"-{self.stages.replace(',', '-')}" if self.stages else ""
        ending = "" if self.format == "float" else f"-{self.format}"
        return f"{self.data}{shape}-{self.system}-{bank}{count}-s{self.seed}{ending}"

    def as_dict(self) -> dict[str, Any]:
        """Field names to values, for records and checkpoints."""
        return asdict(self)
