"""Tests of the flow: each with a cache of its own, and with tools that a script stands in for."""

import pytest

from hw import flow
from tests.hw.flow.common import COUNTER, ECP5


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("KATAZOME_CACHE", str(folder))
    return folder


@pytest.fixture
def native(tmp_path, monkeypatch):
    """Make a shell script the tool; it answers --version at once."""

    def make(tool, script):
        path = tmp_path / tool.name
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv(tool.variable, str(path))
        return tool

    return make


@pytest.fixture(scope="session")
def counter(tmp_path_factory):
    """The counter in ECP5's cells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KATAZOME_CACHE", str(tmp_path_factory.mktemp("counter")))
        return flow.synthesise({"counter.v": COUNTER}, top="counter", family=ECP5)
