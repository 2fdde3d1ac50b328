"""How many cores a command may use."""

import os

import pytest

from sw.cores import CORES, cores


@pytest.mark.parametrize(("told", "expected"), [("1", 1), ("7", 7), ("064", 64)])
def test_as_told(told, expected, monkeypatch):
    monkeypatch.setenv(CORES, told)
    assert cores() == expected


@pytest.mark.parametrize("told", ["", "0", "-1", "two", "\u0663"])
def test_otherwise_all_that_it_may_run_on(told, monkeypatch):
    monkeypatch.setenv(CORES, told)
    assert cores() == len(os.sched_getaffinity(0))
