"""Adders of banks, and the bank that is chosen for them."""

import json
from pathlib import Path

import numpy as np

from bench.banks import adders_of, candidates, greedy_bank
from sw.bank_search import trained_kernels
from sw.templates import hlac25, named_bank

ROOT = Path(__file__).parents[2]


def test_hlac_has_the_adders_of_the_named_engines():
    assert adders_of(hlac25(), 3) == 32  # README: the bank of cifar10-layer1
    assert adders_of(np.array([[[1, 1, -1]]]), 1) == 2


def test_what_is_alike_and_cheap_is_chosen(rng):
    cheap = np.zeros((3, 3, 3))
    cheap[:, 1, 1], cheap[:, 1, 0] = 1, -1
    dear = np.where(rng.random((3, 3, 3)) < 0.5, 1.0, -1.0)
    first, second = greedy_bank(np.array([dear, cheap]), 2)
    assert np.array_equal(first, cheap)
    assert (second * dear).sum() > (first * dear).sum()


def test_candidates_are_ternary_and_some_share_their_channels():
    pool = candidates(trained_kernels(ROOT / "reports/training")["cifar10"])
    assert set(np.unique(pool)) == {-1, 0, 1}
    masks = np.abs(pool).reshape(len(pool), 3, 9)
    assert (masks == masks.max(axis=1, keepdims=True)).all(axis=(1, 2)).sum() > 20
    assert len(np.unique(pool.reshape(len(pool), -1), axis=0)) == len(pool)


def test_the_report_is_of_the_stored_banks():
    adders = json.loads((ROOT / "reports/banks.json").read_text())["adders"]
    for name in ("hlac25", "ternary", "greedy-rgb"):
        assert adders["cifar10"][name]["16"] == adders_of(named_bank(name)[:16], 3)
    assert adders["mnist"]["hlac25"]["25"] == adders_of(hlac25(), 1)
