"""Chain: whole frames of a network, under every pace and with every kind of plan."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from hw.network.chain import Chain
from sw.network.config import LayerSettings, engine_of
from sw.network.graph import ArgMax, Conv, Network
from sw.network.plan import EnginePlan, MacPlan, PoolPlan
from sw.numeric import IntArray
from sw.part_configs import FoldConfig
from tests.hw.network.frames import model, to_beats
from tests.hw.network.networks import small_network
from tests.hw.streams import Pause, run_streams

NETWORK = small_network()


def logits_of(network: Network, frame: IntArray) -> IntArray:
    """By the plain models."""
    for layer in network.layers:
        if not isinstance(layer, ArgMax):
            frame = model(layer, frame)
    return frame.ravel()


def plans(name: str) -> list:
    conv1, conv2 = NETWORK.layers[0], NETWORK.layers[2]
    assert isinstance(conv1, Conv)
    assert isinstance(conv2, Conv)
    folded = LayerSettings(build="engine", strategy="direct", fold=FoldConfig(taps=9))
    engine1 = EnginePlan(config=engine_of(conv1, LayerSettings(build="engine", strategy="direct")))
    engine2 = EnginePlan(config=engine_of(conv2, folded))
    narrow = [MacPlan(), PoolPlan(), MacPlan(), PoolPlan(), MacPlan()]
    wide = [
        MacPlan(kernels=3, spare_rows=1),
        PoolPlan(channels=3, spare_rows=2),
        MacPlan(kernels=2, channels=3, spare_rows=1),
        PoolPlan(channels=4),
        MacPlan(kernels=3, channels=2, spare_rows=2),
    ]
    return {
        "narrow": narrow,
        "wide": wide,
        "engines": [engine1, PoolPlan(channels=2), engine2, PoolPlan(channels=4), MacPlan()],
    }[name]


@pytest.mark.parametrize(
    ("name", "pause"),
    [
        ("narrow", (Pause.ALWAYS, Pause.ALWAYS)),
        ("wide", (Pause.ALWAYS, Pause.HALF)),
        ("wide", (Pause.HALF, Pause.BURSTY)),
        ("engines", (Pause.ALWAYS, Pause.BURSTY)),
    ],
)
def test_logits_and_label(name, pause):
    dut = Chain(NETWORK, plans(name))
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 256, (3, *NETWORK.input_shape))
    bad = [False, True, False]
    sent = list(chain(*(to_beats(f, 1, bad=b) for f, b in zip(frames, bad, strict=True))))
    found = run_streams(dut, {"i": sent}, pause=pause, settle=2000, patience=9000)["o"]
    wanted = []
    for frame, is_bad in zip(frames, bad, strict=True):
        logits = logits_of(NETWORK, frame)
        wanted += [{"values": [v], "last": 0, "bad": 0} for v in logits.tolist()]
        wanted.append({"values": [int(logits.argmax())], "last": 1, "bad": int(is_bad)})
    assert found == wanted
