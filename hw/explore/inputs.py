"""What the engines of a sweep compute on: configuration, layer and images, as files to send."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sw.cli import InputError
from sw.config import EngineConfig
from sw.images import Images, check_images
from sw.sensor import ZYLA_12, ZYLA_16
from sw.spec import LayerSpec, layer_bytes

__all__ = ["Inputs", "make_inputs"]

_SENSORS = {sensor.bits: sensor for sensor in (ZYLA_12, ZYLA_16)}
_CODE_BITS = 8
_SEED = 2026


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Files by name, so that a worker needs nothing but the package.

    Parameters
    ----------
    config : str
        Name of a configuration, or of a file among ``files``.
    files : mapping of name to bytes
        ``layer-B.npz`` and ``images-B.npy`` for inputs of B bits, and the configuration.
    bits : int
        Of an input, where a point does not say.
    """

    config: str
    files: Mapping[str, bytes]
    bits: int

    @cached_property
    def digest(self) -> str:
        """Of all: what rows of the same store must share."""
        found = hashlib.sha256(f"{self.config} {self.bits}".encode())
        for name in sorted(self.files):
            found.update(name.encode() + hashlib.sha256(self.files[name]).digest())
        return found.hexdigest()

    def only(self, bits: int) -> Inputs:
        """What an engine for inputs of so many bits needs."""
        others = {
            name
            for name in self.files
            if name.startswith(("layer-", "images-")) and Path(name).stem.split("-")[1] != str(bits)
        }
        files = {name: content for name, content in self.files.items() if name not in others}
        return Inputs(config=self.config, files=files, bits=self.bits)

    def unpack(self) -> Path:
        """The folder with the files, written unless it is there."""
        folder = Path(tempfile.gettempdir()) / f"katazome-explore-{self.digest[:16]}"
        folder.mkdir(exist_ok=True)
        for name, content in self.files.items():
            path = folder / name
            if not path.exists() or path.stat().st_size != len(content):
                part = folder / f".{name}.{os.getpid()}"
                part.write_bytes(content)
                part.replace(path)
        return folder


def make_inputs(
    config: EngineConfig, *, source: str, images: Images, bits: Iterable[int]
) -> Inputs:
    """The files of a sweep.

    Parameters
    ----------
    config : EngineConfig
        With the layer of all engines, for inputs of its own width.
    source : str
        The configuration's name, or its file.
    images : Images
        For that layer, shape (N, C, H, W).
    bits : iterable of int
        All widths of an input that are swept.

    Raises
    ------
    InputError
        If there are no such pixels.
    """
    layer = config.layer
    files: dict[str, bytes] = {}
    path = Path(source)
    if path.suffix == ".toml":
        files[path.name] = path.read_bytes()
    for width in sorted({layer.input_format.bits, *bits}):
        wide = _with_bits(layer, width)
        pixels = _pixels(images, layer, width)
        check_images(pixels, dataclasses.replace(config, layer=wide), f"input_bits = {width}")
        files[f"layer-{width}.npz"] = layer_bytes(wide)
        stream = io.BytesIO()
        np.save(stream, pixels, allow_pickle=False)
        files[f"images-{width}.npy"] = stream.getvalue()
    named = path.name if path.suffix == ".toml" else source
    return Inputs(config=named, files=files, bits=layer.input_format.bits)


def _with_bits(layer: LayerSpec, bits: int) -> LayerSpec:
    """The same layer for values of the same range in steps of another size."""
    old = layer.input_format
    if bits != old.bits and layer.bias is not None:
        raise InputError(
            f"input_bits = {bits}: the layer's biases are for inputs of {old.bits} bits; leave "
            "input_bits out, or take a layer without biases"
        )
    new = dataclasses.replace(old, bits=bits, frac=old.frac + bits - old.bits)
    return dataclasses.replace(layer, input_format=new)


def _pixels(images: Images, layer: LayerSpec, bits: int) -> Images:
    """The images in words of another width: coarser, or as a sensor counts their scenes."""
    own = layer.input_format
    if bits <= own.bits:
        return images >> (own.bits - bits)
    if bits not in _SENSORS or own.bits != _CODE_BITS or own.signed:
        raise InputError(
            f"input_bits = {bits}: expected up to {own.bits} (fewer bits of the same pixels), or "
            f"{' or '.join(map(str, _SENSORS))} of 8-bit photographs (a sensor's counts)"
        )
    return _SENSORS[bits].expose(images.astype(np.uint8), seed=_SEED)
