"""Layers from constant cores: da4ml's, alkaid's and plain Verilog's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from hw.flow.cache import cached, key_of
from hw.flow.progress import step
from sw.numeric import IntArray

from .design import Design, Feed, Field
from .environment import peer_version, run_script
from .plain import plain_core
from .verify import verify_core, verify_layer
from .weights import CHANNELS, INPUT_SHAPE, kernels
from .window import TOP, windowed

__all__ = ["constant_layer", "core_alone", "peer_core"]

_SCRIPTS = Path(__file__).parent / "generate"
_PIXEL_BITS = 8
_TIMEOUT = 300.0


def constant_layer(generator: str, weights: str, **options: Any) -> Design:
    """The paper's layer from a generator's core: line buffer, window, core.

    Parameters
    ----------
    generator : "da4ml" | "alkaid" | "plain"
    weights : str
        See :func:`bench.weights.kernels`.
    **options
        The generator's own: ``latency_cutoff``.
    """
    weight = kernels(weights)
    matrix = weight.reshape(len(weight), -1).T
    if generator == "plain":
        text, fields = plain_core(matrix, input_bits=_PIXEL_BITS)
        sources = {"core.v": text}
    else:
        sources, fields = peer_core(generator, matrix, input_bits=_PIXEL_BITS, **options)
    feed = Feed(input="pixel", output="y", input_bits=_PIXEL_BITS, inputs=CHANNELS, fields=fields)
    sources[f"{TOP}.v"] = windowed(
        channels=CHANNELS,
        width=INPUT_SHAPE[2],
        pixel_bits=_PIXEL_BITS,
        output_bits=feed.output_bits,
    )
    return Design(top=TOP, sources=sources, feed=feed, verify=lambda d: verify_layer(d, weight))


def core_alone(generator: str, weights: str, **options: Any) -> Design:
    """The core without line buffer and window, fed with nine sums over the channels."""
    weight = kernels(weights)
    assert (weight == weight[:, :1]).all(), "the same mask in every channel"
    bits = ((2**_PIXEL_BITS - 1) * CHANNELS).bit_length()
    matrix = weight[:, 0].reshape(len(weight), -1).T
    sources, fields = peer_core(generator, matrix, input_bits=bits, **options)
    feed = Feed(
        input="model_inp", output="model_out", input_bits=bits, inputs=len(matrix), fields=fields
    )
    return Design(top="core", sources=sources, feed=feed, verify=lambda d: verify_core(d, weight))


def peer_core(
    generator: str, matrix: IntArray, *, input_bits: int, **options: Any
) -> tuple[dict[str, str], tuple[Field, ...]]:
    """A generator's core for ``matrix``, shape (inputs, outputs), run now or before."""
    script = _SCRIPTS / f"{generator}_core.py"
    spec = {"weight": np.asarray(matrix).tolist(), "input_bits": input_bits, **options}
    key = key_of(
        step="core",
        script=hashlib.sha256(script.read_bytes()).hexdigest(),
        version=peer_version(generator),
        spec=spec,
    )

    def make(folder: Path) -> None:
        with step(f"{generator}: {matrix.shape[0]} x {matrix.shape[1]} core"):
            run_script(script, [folder / "spec.json", folder], timeout=_TIMEOUT)

    folder = cached(f"bench-{generator}", key, make, {"spec.json": json.dumps(spec)})
    known = json.loads((folder / "design.json").read_text())
    fields = tuple(Field(bits=b, signed=signed, shift=s) for b, signed, s in known["outputs"])
    return {path.name: path.read_text() for path in sorted(folder.glob("*.v"))}, fields
