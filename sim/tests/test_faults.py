"""The fault campaign: single flips of words that exist, and none that passes in silence."""

from pathlib import Path

import numpy as np
import pytest

from sim.fault_sites import Site
from sim.faults import campaign, main, random_flips
from sw.config import EngineConfig
from sw.configfile import load_config

SITES = [
    Site(path="table.products", kind="table", words=20, bits=34),
    Site(path="table.keys", kind="cam", words=None, bits=64),
    Site(path="table.valid", kind="cam", words=None, bits=4),
    Site(path="weights", kind="weight", words=8, bits=9),
]


def test_flips_are_of_bits_that_exist_and_of_no_word_twice(seed: int) -> None:
    rounds = [100, 7, 50]
    flips = random_flips(SITES, rounds, 12, np.random.default_rng(seed))
    sites = {site.path: site for site in SITES}
    assert len(flips) == 36
    for number, cycles in enumerate(rounds):
        mine = [flip for flip in flips if flip.round == number]
        assert len(mine) == 12
        assert all(0 <= flip.cycle < cycles for flip in mine)
        units = [
            (flip.path, flip.word) if flip.word >= 0 else flip.path.rpartition(".")[0]
            for flip in mine
        ]
        assert len({*map(str, units)}) == 12
    for flip in flips:
        site = sites[flip.path]
        assert 0 <= flip.bit < site.bits
        assert flip.word == -1 if site.words is None else 0 <= flip.word < site.words


def test_every_bit_is_as_likely(seed: int) -> None:
    flips = random_flips(SITES, [10] * 3000, 1, np.random.default_rng(seed))
    total = sum(site.size for site in SITES)
    for site in SITES:
        share = sum(flip.path == site.path for flip in flips) / len(flips)
        assert share == pytest.approx(site.size / total, abs=0.05)


STRATEGIES = {
    "direct": ["fold.taps=3"],
    "pair_cam": ["fold.taps=9"],
    "value_cam": [],
    "value_table": [],
    "split_table": [],
}
IMAGES = np.random.default_rng(1).integers(0, 256, (20, 2, 6, 7))


def engine(strategy: str, protection: str) -> EngineConfig:
    """A tiny engine of a strategy."""
    settings = [f"strategy={strategy}", f"protection={protection}", *STRATEGIES[strategy]]
    return load_config("tiny", assignments=settings)


@pytest.mark.parametrize("protection", ["none", "parity"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_error_is_silent_with_parity(strategy: str, protection: str, build_dir: Path) -> None:
    config = engine(strategy, protection)
    report = campaign(config, IMAGES, flips=200, seed=1, build_dir=build_dir)
    assert sum(report.flips.values()) >= 200
    assert report.wrong_frames > 0
    if protection == "none":
        assert report.silent_frames == report.wrong_frames
        assert report.bad_frames == 0
    else:
        assert report.silent_outputs == 0
        assert report.bad_frames >= report.wrong_frames


@pytest.mark.parametrize("strategy", ["pair_cam", "value_cam"])
def test_what_can_be_made_again_is_never_wrong(strategy: str, build_dir: Path) -> None:
    kinds = ("table", "cam")
    wrong = {}
    for protection in ("none", "parity"):
        config = engine(strategy, protection)
        report = campaign(config, IMAGES, flips=400, seed=1, kinds=kinds, build_dir=build_dir)
        assert {*report.flips} == {*kinds}
        assert report.bad_frames == 0
        wrong[protection] = report.wrong_frames
    assert wrong["none"] > wrong["parity"] == 0
    assert report.table_errors > 0


def test_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", "tiny", "--images", "none.npy"]
    assert main([*arguments, "--flips", "0"]) == 2
    assert "--flips must be 1 or more, not 0" in capsys.readouterr().err
    bank = ["--config", "hlac25-bank", "--images", "samples:cifar10:3"]
    assert main(bank) == 2
    assert "this engine remembers nothing" in capsys.readouterr().err
