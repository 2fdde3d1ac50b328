"""Where a network's integers are not exactly what its model file says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Difference"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a layer's integers are not exactly what the model file's arithmetic gives.

    Parameters
    ----------
    layer : str
    kernels : tuple of int
        Output channels with a difference.
    values : int
        Sums, of all those kernels, for which the output differs; of so many possible ones:
    possible : int
    steps : int
        The largest difference, in steps of the output.
    floats : bool
        Ours are exact; it is onnxruntime that adds such a layer in float32, in an order of its own,
        and so may round those sums otherwise.
    """

    layer: str
    kernels: tuple[int, ...]
    values: int
    possible: int
    steps: int
    floats: bool = False

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.kernels[:8])) + (", ..." if len(self.kernels) > 8 else "")
        verb = "may differ, for onnxruntime adds in float32," if self.floats else "differ"
        return (
            f"layer {self.layer}: kernels {numbers} ({len(self.kernels)} in all) {verb} for "
            f"{self.values} of {self.possible} possible sums, by at most {self.steps} step"
            f"{'s' if self.steps > 1 else ''} of the output"
        )
