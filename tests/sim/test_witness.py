"""The witness: the RTL gets the trained layer, and what it counts is stored."""

from pathlib import Path

import numpy as np
import pytest

from sim import witness
from sim.bulk import SimulationError
from sw.paper.runs import load_runs, plain_runs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run():
    return plain_runs(load_runs(ROOT / "reports/training"), "cifar10", "hlac25")[0]


def test_the_engine_has_the_trained_weights(run):
    config = witness.trained_engine(run, "cifar10-layer1")
    weight = run.kernels("trained")
    assert np.abs(config.layer.weight / 256 - weight).max() <= 1 / 512
    assert len(config.template_kernels) == 25
    assert len(config.learned) == 7


def test_a_wrong_output_is_no_witness(run, monkeypatch):
    config = witness.trained_engine(run, "cifar10-layer1")
    images = np.zeros((2, 3, 32, 32), np.int64)

    class Result:
        y = np.ones((1, 32, 30, 30), np.int64)

    monkeypatch.setattr(witness, "simulate", lambda *_, **__: Result())
    with pytest.raises(SimulationError, match="outputs differ from the golden model's"):
        witness.witnessed(config, images)


def test_a_count_that_there_is_not(capsys):
    assert witness.main(["--count", "1001"]) == 2
    assert "count must be 1 to 1000, not 1001" in capsys.readouterr().err
