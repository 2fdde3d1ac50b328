"""NNgen's layer: generated, and simulated with its memory."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from hw.flow.cache import cached, key_of
from hw.flow.progress import step
from sim.toolchain import DEFAULT_BUILD_DIR, build_binary
from sw import reference
from sw.numeric import IntArray
from sw.work_folder import work_folder

from .design import Design, Verified
from .environment import PeerError, peer_version, run_script
from .verify import samples
from .weights import INPUT_SHAPE, golden_config, kernels

__all__ = ["nngen_layer"]

_SCRIPT = Path(__file__).parent / "generate" / "nngen_layer.py"
_BENCH = Path(__file__).parent / "nngen_bench.sv"
_TOP = "nngen_layer"
_START, _BUSY = 4, 5
_WORDS = 1 << 16
_TIMEOUT = 300.0


def nngen_layer(weights: str) -> Design:
    """The paper's layer with one multiplication at a time in each direction."""
    weight = kernels(weights)
    spec = json.dumps({"weight": weight.tolist(), "input_shape": INPUT_SHAPE})
    key = key_of(
        step="nngen",
        script=hashlib.sha256(_SCRIPT.read_bytes()).hexdigest(),
        version=peer_version("nngen"),
        spec=spec,
    )

    def make(folder: Path) -> None:
        with step("nngen: the layer"):
            run_script(_SCRIPT, [folder / "spec.json", folder], timeout=_TIMEOUT)

    folder = cached("bench-nngen", key, make, {"spec.json": spec})
    text = (folder / f"{_TOP}.v").read_text()
    return Design(
        top=_TOP,
        sources={f"{_TOP}.v": text},
        simulated={f"{_TOP}.v": text, "bench.sv": _BENCH.read_text()},
        clock="CLK",
        verify=lambda d: _verify(d, weight, folder),
    )


def _verify(design: Design, weight: IntArray, made: Path) -> Verified:
    known = json.loads((made / "design.json").read_text())
    images = samples(1)
    expected = reference.run(images, golden_config(weight))
    with step("simulating nngen, bit for bit"):
        shown, cycles = _simulate(design, _memory(images[0], made, known))
    _, rows, columns, aligned = known["sums"]["aligned"]
    first = known["sums"]["address"] // 4
    sums = shown[first : first + rows * columns * aligned].view(np.int32)
    found = sums.reshape(rows, columns, aligned)[:, :, : len(weight)].transpose(2, 0, 1)
    return Verified(
        compared=expected.size,
        different=int((found != expected[0]).sum()),
        cycles_per_image=cycles,
    )


def _memory(image: IntArray, made: Path, known: dict[str, Any]) -> np.ndarray[Any, Any]:
    """What lies in memory before: the pixels, channels padded to words, and the weights."""
    memory = np.zeros(_WORDS * 4, np.uint8)
    _, height, width, aligned = known["pixels"]["aligned"]
    pixels = np.zeros((height, width, aligned), np.uint8)
    pixels[:, :, : len(image)] = image.transpose(1, 2, 0)
    parts = {
        known["pixels"]["address"]: pixels.tobytes(),
        known["parameters"]: (made / "parameters.bin").read_bytes(),
    }
    for address, content in parts.items():
        memory[address : address + len(content)] = np.frombuffer(content, np.uint8)
    return memory.view("<u4")


def _simulate(design: Design, memory: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    with work_folder(DEFAULT_BUILD_DIR, "bench") as folder:
        for file, text in design.simulated.items():
            (folder / file).write_text(text)
        binary = build_binary(
            [folder / file for file in design.simulated],
            top="bench",
            opt="-O1",
            flags=[f"-DNNGEN_START={_START}", f"-DNNGEN_BUSY={_BUSY}"],
        )
        (folder / "memory.hex").write_text("\n".join(f"{word:x}" for word in memory.tolist()))
        done = subprocess.run(
            [binary], cwd=folder, check=True, capture_output=True, text=True, timeout=_TIMEOUT
        )
        cycles = re.search(r"^cycles (\d+)$", done.stdout, re.MULTILINE)
        if cycles is None:
            raise PeerError(f"nngen: {done.stdout.strip()}")
        words = (folder / "result.hex").read_text().split()
    values = [int(word, 16) for word in words if not word.startswith(("/", "@"))]
    return np.array(values, np.uint32), int(cycles[1])
