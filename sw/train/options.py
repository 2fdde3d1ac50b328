"""What a training run is: everything that decides its result, in one validated record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sw.cli import InputError

__all__ = ["RECIPES", "SYSTEMS", "Options", "Recipe"]

SYSTEMS = ("plain", "lbcnn", "binary", "pow2", "clustered")
"""How the weights of a network are made; see :mod:`sw.train.systems`."""


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
        Folder of the finished run that ``clustered`` starts from; empty for none.

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

    def __post_init__(self) -> None:
        self._check_choices()
        for name, low in (("seed", 0), ("epochs", 1), ("batch", 2), ("threads", 1)):
            if getattr(self, name) < low:
                raise InputError(f"{name} must be {low} or more, not {getattr(self, name)}")
        if self.rate <= 0 or self.decay < 0:
            raise InputError(f"rate must be above 0 and decay not below, not {self.rate}")
        if not 2 <= self.clusters <= 96:
            raise InputError(f"clusters must be 2 to 96, not {self.clusters}")

    def _check_choices(self) -> None:
        if self.data not in RECIPES:
            raise InputError(f"data must be mnist or cifar10, not {self.data!r}")
        if self.system not in SYSTEMS:
            raise InputError(f"system must be one of {', '.join(SYSTEMS)}, not {self.system!r}")
        if self.templates != "none" and self.system != "plain":
            raise InputError(f"templates need system plain; {self.system} makes its own kernels")
        if self.templates == "none" and self.fixed is not None:
            raise InputError("fixed needs templates: name a bank, or leave fixed out")
        if (self.system == "clustered") != bool(self.base):
            raise InputError("system clustered, and no other, needs base, a finished run's folder")

    @staticmethod
    def of(data: str, **changes: Any) -> Options:
        """The data set's recipe, with ``changes``; those that are None are left as they are."""
        if data not in RECIPES:
            raise InputError(f"data must be mnist or cifar10, not {data!r}")
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(Options(data=data, **asdict(RECIPES[data])), **given)

    @property
    def name(self) -> str:
        """Names the run among those of the repository: ``cifar10-plain-hlac25-s0``."""
        bank = Path(self.templates).stem if self.templates != "none" else "none"
        count = "" if self.fixed is None else f"-f{self.fixed}"
        return f"{self.data}-{self.system}-{bank}{count}-s{self.seed}"

    def as_dict(self) -> dict[str, Any]:
        """Field names to values, for records and checkpoints."""
        return asdict(self)
