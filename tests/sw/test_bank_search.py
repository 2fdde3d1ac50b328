"""Banks found in trained kernels: the nearest kernels of a kind, and those that are stored."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sw.bank_search import (
    found_bank,
    hlac_of_colours,
    main,
    ternary,
    trained_kernels,
    two_valued,
)
from sw.templates import BANK_FOLDER, hlac25

ROOT = Path(__file__).parents[2]
CENTRES = hnp.arrays(
    np.float64, (1, 2, 3), elements=st.floats(-4, 4, allow_subnormal=False, width=16)
).filter(lambda centre: np.abs(centre).max() > 0.01)


def cosine(centre, pattern):
    return float((centre * pattern).sum() / np.linalg.norm(pattern))


def best(centre, values, least):
    """By trying all kernels of these values."""
    patterns = (np.array(cells).reshape(centre.shape) for cells in product(values, repeat=6))
    return max(cosine(centre, p) for p in patterns if np.count_nonzero(p) >= least)


@given(CENTRES)
def test_no_ternary_kernel_is_nearer(centre):
    pattern = ternary(centre)
    assert np.count_nonzero(pattern) >= 2
    assert cosine(centre, pattern) == pytest.approx(best(centre, (-1, 0, 1), 2))


@given(CENTRES)
def test_no_two_valued_kernel_is_nearer(centre):
    pattern = two_valued(centre)
    assert set(np.unique(pattern)) <= {-1, 1}
    assert cosine(centre, pattern) == pytest.approx(best(centre, (-1, 1), 6))


def test_clusters_become_their_kernels_the_largest_first(rng):
    truth = np.array([[1, 1, 0, 0], [0, -1, 1, 0], [0, 0, 1, 1]])
    numbers = np.repeat([2, 0, 1], [40, 30, 20])
    kernels = truth[numbers] * rng.uniform(0.1, 9, (90, 1)) + rng.normal(0, 0.001, (90, 4))
    bank = found_bank(kernels.reshape(90, 1, 2, 2), ternary, count=3)
    assert np.array_equal(bank.reshape(3, 4), truth[[2, 0, 1]])


def test_centres_that_give_the_same_kernel_are_made_good(rng):
    kernels = np.concatenate([rng.uniform(0.5, 1, (60, 4)), [[1, 1, -1, -1]]])
    bank = found_bank(kernels.reshape(-1, 2, 2), two_valued, count=2)
    assert sorted(bank.reshape(2, 4).tolist()) == [[1, 1, -1, -1], [1, 1, 1, 1]]


def test_hlac_of_colours_has_the_masks_of_hlac():
    bank = hlac_of_colours()
    for kernel, mask in zip(bank, hlac25(), strict=True):
        assert all(np.array_equal(channel * channel[1, 1], mask) for channel in kernel)
    alike = (bank == bank[:, :1]).all(axis=(1, 2, 3))
    assert alike.sum() == 7


def test_the_stored_banks_are_those_of_the_stored_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["--out", str(tmp_path)]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.split()]
    assert len(names) == 5
    for name in names:
        assert (tmp_path / name).read_bytes() == (BANK_FOLDER / name).read_bytes(), name


def test_all_seeds_are_looked_at():
    kernels = trained_kernels(ROOT / "reports/training")
    assert kernels["mnist"].shape == (96, 1, 3, 3)
    assert kernels["cifar10"].shape == (96, 3, 3, 3)
