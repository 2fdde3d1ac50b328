"""Sweeps over processes: what dies is done again, what is done is not, nothing comes twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from hw.explore.evaluate import Limits
from hw.explore.run import Sweep, connected
from hw.explore.space import Point
from hw.explore.store import Store
from sw.cli import InputError
from tests.hw.explore import fakes
from tests.hw.explore.rows import row

pytestmark = pytest.mark.filterwarnings("default")  # an error in a thread of Dask's would end it
COUNT = 24
POINTS = list(enumerate(fakes.points(2), 1))


@pytest.fixture(autouse=True)
def trace(tmp_path, monkeypatch):
    monkeypatch.setenv(fakes.TRACE, str(tmp_path / "trace"))


def entries(rows):
    return sorted(row["settings"]["table.entries"] for row in rows)


def every(count):
    return list(range(5, 5 + count))


def test_a_killed_worker_loses_nothing_and_doubles_nothing(tmp_path):
    killed = []

    def kill_one(client, _row, done, _total):
        if done == 5:
            (_, pid), *_ = sorted(client.run(os.getpid).items())
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    rows = fakes.sweep(tmp_path / "out", COUNT, on_row=kill_one)
    assert len(killed) == 1
    assert entries(rows) == every(COUNT)
    assert {row["state"] for row in rows} == {"measured"}
    begun = Counter(word.split(":")[1] for word in fakes.traced() if word.startswith("begun"))
    assert sum(begun.values()) > COUNT, "nothing was under way when the worker died"


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.hw.explore.fakes", str(out), str(COUNT)]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(command, env=os.environ | path)
    try:
        deadline = time.monotonic() + 60
        while sum(word.startswith("done") for word in fakes.traced()) < COUNT // 3:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.kill()  # SIGKILL, to the run alone: its workers find out
        child.wait()
    time.sleep(2)
    with Store(out) as store:
        before = entries(store.rows())
    assert before
    assert len(set(before)) == len(before) < COUNT
    ended = fakes.traced()
    rows = fakes.sweep(out, COUNT)
    assert entries(rows) == every(COUNT)
    again = {int(word.split(":")[1]) for word in fakes.traced()[len(ended) :]}
    assert again == set(every(COUNT)) - set(before)


def test_a_point_that_kills_its_worker_or_breaks_is_a_row_with_its_error(tmp_path):
    rows = fakes.sweep(tmp_path / "out", 6, measure_one=fakes.measure_fatally)
    assert entries(rows) == every(6)
    failed = {row["settings"]["table.entries"]: row["reason"] for row in rows if row["reason"]}
    assert failed.keys() == {7, 8}
    assert failed[7] == "4 workers died over it"
    assert failed[8] == "ZeroDivisionError: by design"
    assert {row["state"] for row in rows if row["reason"]} == {"failed"}


def test_impossible_engines_need_no_worker(tmp_path, monkeypatch):
    impossible = [Point.of({"table.entries": n}) for n in (-1, 5, "many")]
    monkeypatch.setattr(fakes, "points", lambda _count: impossible)
    rows = fakes.sweep(tmp_path / "out", 3)
    assert [row["state"] for row in rows] == ["impossible", "impossible", "measured"]
    assert [row["reason"] for row in rows] == [
        "table.entries must be 1 to 1024, not -1",
        "table.entries must be of type int, not 'many'",
        None,
    ]


def test_what_cannot_be_routed_stays_measured(tmp_path):
    told = []
    measured = [row(p, size=p.get("table.entries"), rate=n) for n, p in POINTS]
    with Store(tmp_path, about=fakes.ABOUT) as store, connected(None, 1) as client:
        for one in measured:
            store.put(one)
        Sweep(
            inputs=fakes.inputs(),
            limits=Limits(),
            store=store,
            on_row=lambda one, done, total: told.append((one["reason"], done, total)),
            measure_one=fakes.route_some,
        ).route(client, seeds=2)
        routed, other = store.rows()
    assert routed == measured[0] | {"fmax_mhz": 200.0}
    assert other == measured[1]
    assert {reason for reason, _, _ in told} == {None, "took longer"}
    assert [(done, total) for _, done, total in told] == [(1, 2), (2, 2)]


def test_a_scheduler_that_is_not_there_is_named():
    with (
        pytest.raises(InputError, match=r"--scheduler tcp://127.0.0.1:9: no Dask scheduler"),
        connected("tcp://127.0.0.1:9", 1),
    ):
        pass
