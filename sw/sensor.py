"""Deeper pixels than the samples have: what a camera would have counted of the same scenes.

An 8-bit photograph has few values, and hides the noise that a sensor of 12 or 16 bits shows. So a
sample is taken back to linear light (the inverse of sRGB's curve, IEC 61966-2-1), shown to a
sensor whose white is a full well, and counted: photons come by Poisson's law, the amplifier adds
Gaussian noise, the converter rounds and saturates. The same seed gives the same counts, with the
same release of NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .images import Images

__all__ = ["ZYLA_12", "ZYLA_16", "Sensor", "linear_light"]

_WHITE = 255
_KNEE = 0.04045  # of sRGB's curve: below, it is a line


def linear_light(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Relative luminance, 0 to 1, of sRGB codes; of the same shape."""
    code = images / _WHITE
    return np.where(code <= _KNEE, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A sensor and its converter.

    Parameters
    ----------
    name : str
    bits : int
        Of a count, 4 to 16.
    full_well : float
        Electrons of white.
    read_noise : float
        Electrons, the standard deviation.
    electrons_per_count : float
    source : str
        Where these figures are from.
    """

    name: str
    bits: int
    full_well: float
    read_noise: float
    electrons_per_count: float
    source: str

    def expose(self, images: npt.NDArray[np.uint8], *, seed: int = 0, noise: bool = True) -> Images:
        """Counts of sRGB photographs, of the same shape.

        Parameters
        ----------
        images : uint8 array
        seed : int
            Of the noise.
        noise : bool
            Without it the counts are those of the mean number of electrons: as many values as
            the photographs have, in a wider word.
        """
        electrons = linear_light(images) * self.full_well
        if noise:
            rng = np.random.default_rng(seed)
            electrons = rng.poisson(electrons) + rng.normal(0, self.read_noise, images.shape)
        counts = np.rint(electrons / self.electrons_per_count)
        return np.clip(counts, 0, (1 << self.bits) - 1).astype(np.uint16)


_SOURCE = (
    "Andor Zyla hardware manual 2.0, 18 February 2021: table 4, the Zyla 5.5's gains and "
    "saturation; section 2.3, its median read noise"
)
ZYLA_12 = Sensor(
    name="Andor Zyla 5.5, 12-bit (high well capacity)",
    bits=12,
    full_well=30_000,
    read_noise=1.38,
    electrons_per_count=7.5,
    source=_SOURCE,
)
ZYLA_16 = Sensor(
    name="Andor Zyla 5.5, 16-bit (low noise and high well capacity)",
    bits=16,
    full_well=30_000,
    read_noise=1.38,
    electrons_per_count=0.45,
    source=_SOURCE,
)
"""A scientific camera's one sensor, read in its two ways."""
