"""Banks, and finding template kernels in weights."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sw.templates import (
    BankError,
    find_template,
    find_templates,
    hlac25,
    load_bank,
    local_binary_patterns,
    named_bank,
)

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)
PATTERNS = hnp.arrays(np.int64, SHAPES, elements=st.integers(-1, 1))


@given(PATTERNS, st.integers(1, 2**15))
def test_a_magnitude_times_a_pattern_is_found(pattern, magnitude):
    template = find_template(pattern * magnitude)
    if np.count_nonzero(pattern) < 2:
        assert template is None
    else:
        assert template is not None
        assert template.magnitude == magnitude
        assert np.array_equal(template.pattern, pattern)


@given(hnp.arrays(np.int64, SHAPES, elements=st.integers(-8, 7)))
def test_nothing_else_is_found(kernel):
    magnitudes = set(np.abs(kernel).flat) - {0}
    is_template = len(magnitudes) == 1 and np.count_nonzero(kernel) >= 2
    assert (find_template(kernel) is not None) == is_template


def test_the_most_negative_value_has_a_magnitude():
    template = find_template(np.full((1, 1, 2), -128, np.int8))
    assert template is not None
    assert template.magnitude == 128


@given(PATTERNS.filter(lambda p: np.count_nonzero(p) >= 2))
def test_channel_groups_make_the_pattern_again(pattern):
    template = find_template(pattern)
    assert template is not None
    again = np.zeros_like(pattern)
    masks = []
    for channels, mask in template.channel_groups():
        again[list(channels)] = mask
        masks.append(mask.tobytes())
    assert np.array_equal(again, pattern)
    assert len(set(masks)) == len(masks)
    assert template.same_in_all_channels == (pattern == pattern[0]).all()


def test_find_templates_goes_kernel_by_kernel():
    weight = np.array([[[[3, -3]]], [[[3, -2]]], [[[0, 5]]], [[[0, 0]]]])
    assert [template is not None for template in find_templates(weight)] == [True] + [False] * 3


def test_hlac25_is_the_papers_bank():
    bank = hlac25()
    assert bank.shape == (25, 3, 3)
    assert set(np.unique(bank)) == {-1, 1}
    assert len(np.unique(bank.reshape(25, 9), axis=0)) == 25
    assert (bank[:, 1, 1] == 1).all()  # the reference pixel is in every pattern
    black = (bank == 1).sum(axis=(1, 2)).tolist()
    assert sorted(black) == [1] + [2] * 4 + [3] * 20


def test_hlac25_patterns_are_no_shifts_of_one_another():
    shifted = set()
    for pattern in hlac25():
        cells = np.argwhere(pattern == 1)
        shifted.add(tuple(map(tuple, (cells - cells.min(axis=0)).tolist())))
    assert len(shifted) == 25


def test_local_binary_patterns_are_a_neighbour_minus_the_centre():
    bank = local_binary_patterns()
    assert bank.shape == (8, 3, 3)
    assert (bank.sum(axis=(1, 2)) == 0).all()
    assert (bank[:, 1, 1] == -1).all()
    assert np.array_equal(bank.sum(axis=0), [[1, 1, 1], [1, -8, 1], [1, 1, 1]])


def write(tmp_path, data):
    path = tmp_path / "bank.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_users_bank_of_patterns(tmp_path):
    patterns = [[[1, 0, -1]], [[0, 1, 1]]]
    assert named_bank(str(write(tmp_path, {"patterns": patterns}))).tolist() == patterns


def test_a_users_bank_whose_channels_differ(tmp_path):
    patterns = [[[[1, 0]], [[0, -1]]], [[[1, 1]], [[1, -1]]]]
    assert named_bank(str(write(tmp_path, {"patterns": patterns}))).tolist() == patterns


def test_a_users_bank_of_masks(tmp_path):
    data = {"shape": [2, 2], "black": ["1001", "0110"], "white": 0}
    assert load_bank(write(tmp_path, data)).tolist() == [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]
    del data["white"]
    assert load_bank(write(tmp_path, data)).tolist() == [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]


def test_banks_by_name():
    assert np.array_equal(named_bank("hlac25"), hlac25())
    assert np.array_equal(named_bank("lbp"), local_binary_patterns())
    assert named_bank("ternary-rgb").shape == (32, 3, 3, 3)
    with pytest.raises(BankError, match=r"^bank 'x' is unknown: use lbp, .* hlac25, "):
        named_bank("x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("[", "not a readable JSON bank file"),
        ([1], "expected an object with the field 'patterns' or 'black'"),
        ({"shape": [3, 3]}, "expected an object with the field 'patterns' or 'black'"),
        ({"patterns": [[[1, 2]]]}, "patterns must be (N, kh, kw) or (N, C, kh, kw)"),
        ({"patterns": [[[0.5, 1]]]}, "patterns must be (N, kh, kw) or (N, C, kh, kw)"),
        ({"patterns": [[1, 1]]}, "patterns must be (N, kh, kw) or (N, C, kh, kw)"),
        ({"patterns": []}, "patterns must be (N, kh, kw) or (N, C, kh, kw)"),
        ({"patterns": [[[1, 1], [1]]]}, "fields do not form N patterns of kh x kw"),
        ({"black": ["1010"]}, "fields do not form N patterns of kh x kw: 'shape'"),
        ({"black": [1010], "shape": [2, 2]}, "fields do not form N patterns of kh x kw"),
        ({"black": ["10101010"], "shape": [2, 2]}, "'10101010' in black is not 4 digits 0 or 1"),
        ({"black": ["1012"], "shape": [2, 2]}, "'1012' in black is not 4 digits 0 or 1"),
        ({"black": ["1010"], "shape": [2, 2], "white": 1}, "white must be -1 or 0, not 1"),
    ],
)
def test_a_bad_bank_is_refused(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(BankError) as caught:
        load_bank(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_missing_bank_is_refused(tmp_path):
    with pytest.raises(BankError, match="not a readable JSON bank file"):
        named_bank(str(tmp_path / "none.json"))
