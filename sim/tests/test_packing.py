"""The bulk bench's files, in several parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim import packing
from sw.configfile import load_config
from sw.packing import pack_images, unpack_output


def test_files_in_parts(tmp_path: Path) -> None:
    config = load_config("cifar10-layer1")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 3, 32, 32), np.uint8)
    packing.write_input(images, config, tmp_path / "input")
    sent = np.fromfile(tmp_path / "input", np.uint8).reshape(300, 1024, 3)
    np.testing.assert_array_equal(sent[..., ::-1], pack_images(images, config))
    beats = rng.integers(0, 256, (300, 900, 88), np.uint8)
    beats.tofile(tmp_path / "output")
    assert (tmp_path / "output").stat().st_size == packing.output_file_bytes(300, config)
    found = packing.decode_output(tmp_path / "output", 300, config)
    np.testing.assert_array_equal(found, unpack_output(beats, config))
