"""sw.datasets.unpickle: a pickle calls no code."""

import contextlib
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.datasets.catalogue import DataError
from sw.datasets.unpickle import load_pickle
from tests.sw.datasets.published import left_in


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("katazome-was-here",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_that_calls_code_is_refused(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": Hostile()}, protocol)
    with pytest.raises(DataError, match=r"test_batch: .*mkdir is not allowed"):
        load_pickle(content, "test_batch")
    assert left_in(tmp_path) == []


@given(st.binary(max_size=64))
def test_arbitrary_pickle_is_an_error_or_harmless(content):
    with contextlib.suppress(DataError):
        load_pickle(content, "fuzz")
