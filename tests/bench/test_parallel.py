"""Several measurements at a time: all come back, and none outlives an error."""

import multiprocessing
import os
import time

import pytest

from bench.parallel import in_parallel


def _square(number):
    return number * number, os.getpid()


def _fails_at_2(number):
    if number == 2:
        raise ValueError("two")
    time.sleep(60)


def test_every_item_has_its_result():
    found = dict(in_parallel(_square, range(8), jobs=2))
    assert {n: square for n, (square, _) in found.items()} == {n: n * n for n in range(8)}
    assert os.getpid() not in {process for _, process in found.values()}


def test_an_error_ends_the_others():
    began = time.monotonic()
    with pytest.raises(ValueError, match="two"):
        list(in_parallel(_fails_at_2, [1, 2, 3], jobs=2))
    for process in multiprocessing.active_children():
        process.join(10)
    assert not multiprocessing.active_children()
    assert time.monotonic() - began < 30
