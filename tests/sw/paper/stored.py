"""Stored runs as training leaves them, made up: so that the tables are tested without training."""

import json
from pathlib import Path

import numpy as np

from sw.templates import hlac25

SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


def first_layer(channels: int, seed: int, *, templated: bool) -> np.ndarray:
    """The paper's first layer before training, in float32."""
    deviation = (9 * channels) ** -0.5
    drawn = np.random.default_rng(seed).normal(0, deviation, (32, channels, 3, 3))
    if templated:
        drawn[:25] = 3 * deviation * hlac25()[:, np.newaxis]
    return drawn.astype(np.float32)


def store(
    folder: Path,
    data: str,
    bank: str,
    *,
    seed: int = 0,
    system: str = "plain",
    top1: float = 80.0,
    format_name: str | None = None,
) -> None:
    """A run of three epochs whose last top-1 is ``top1``; without a format, one of the first."""
    name = f"{data}-{system}-{bank}-s{seed}" + (f"-{format_name}" if format_name else "")
    templated = bank == "hlac25"
    channels = SHAPES[data][0]
    initial = first_layer(channels, seed, templated=templated)
    trained = initial + np.float32(0.01)
    trained[: 25 * templated] = initial[: 25 * templated]
    lines = [
        {"epoch": e, "loss": 1.0 / e, "test_loss": 1.0 / e, "top1": top1 - 3 + e, "top5": 99.0}
        for e in (1, 2, 3)
    ]
    trainable = (7 if templated else 32) * channels * 9
    record = {
        "name": name,
        "options": {
            "data": data,
            "system": system,
            "templates": bank,
            "fixed": None,
            "seed": seed,
            "samples": False,
            **({"format": format_name, "stages": ""} if format_name else {}),
        },
        "result": lines[-1],
        "first_layer": {"weights": 288 * channels, "trainable": trainable},
        "network": {
            "trainable": 10_000 + trainable,
            "gradient_bytes": 4 * trainable,
            "optimiser_bytes": 4 * trainable,
        },
        "costs": {"seconds": 9.0, "cpu_seconds": 8.0, "peak_memory_mib": 500.0},
    }
    (folder / name).mkdir(parents=True)
    (folder / name / "run.json").write_text(json.dumps(record))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / name / "metrics.jsonl").write_text(text)
    np.savez(folder / name / "kernels.npz", initial=initial, trained=trained)


def store_all(folder: Path) -> None:
    """What the tables and figures need, with two seeds, and a baseline."""
    for data in SHAPES:
        for seed in (0, 1):
            store(folder, data, "none", seed=seed, top1=80 + seed)
            store(folder, data, "hlac25", seed=seed, top1=79 + seed)
    store(folder, "cifar10", "none", system="binary", top1=70)
