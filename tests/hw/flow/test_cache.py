"""hw.flow.cache: what is made once, what is left by what fails, and many at once."""

import threading
import time

import pytest

from hw.flow import FlowError
from hw.flow.cache import Entry, cached, key_of
from tests.hw.flow.common import left_over


def test_what_was_made_is_not_made_again(cache):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "result").write_text((folder / "given").read_text())

    folders = {cached("step", "key", make, {"given": "text"}) for _ in range(2)}
    assert len(made) == 1
    assert folders == {cache / "step-key"}
    assert (cache / "step-key" / "result").read_text() == "text"
    assert left_over(cache) == ["step-key"]


@pytest.mark.parametrize("error", [FlowError, KeyboardInterrupt])
def test_what_fails_leaves_nothing(error, cache):
    def make(folder):
        (folder / "half").write_text("written")
        raise error

    with pytest.raises(error):
        cached("step", "key", make)
    assert left_over(cache) == []


def test_of_two_that_make_the_same_the_first_stays(cache):
    with Entry("step", "key") as first, Entry("step", "key") as second:
        for name, entry in (("second", second), ("first", first)):
            (entry.partial / "result").write_text(name)
            entry.publish()
    assert (cache / "step-key" / "result").read_text() == "second"
    assert left_over(cache) == ["step-key"]


def test_many_at_once(cache):
    def make(folder):
        (folder / "result").write_text("whole")
        time.sleep(0.05)

    threads = [threading.Thread(target=cached, args=("step", "key", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left_over(cache) == ["step-key"]
    assert (cache / "step-key" / "result").read_text() == "whole"


def test_a_key_is_of_what_goes_in():
    assert key_of(a=1, b=[2]) == key_of(b=(2,), a=1)
    assert key_of(a=1) != key_of(a=2)
