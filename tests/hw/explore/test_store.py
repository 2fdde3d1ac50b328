"""The store: rows whole, once, and of one sweep."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from hw.explore.store import FILE, Store
from sw.cli import InputError
from tests.hw.explore.rows import point, row

ABOUT = {"config": "tiny", "inputs": "1234", "generator": "5678"}


def test_rows_come_back_in_order_and_once(tmp_path):
    rows = [row(point(a=n), size=n + 1) for n in range(5)]
    with Store(tmp_path, about=ABOUT) as store:
        for one in rows:
            store.put(one)
        store.put(rows[2] | {"fmax_mhz": 100.0})
    with Store(tmp_path) as store:
        assert store.rows() == [*rows[:2], rows[2] | {"fmax_mhz": 100.0}, *rows[3:]]
        assert store.about() == ABOUT | {"schema": 1}


def test_a_sweep_is_gone_on_with_only_if_asked_for_and_the_same(tmp_path):
    with Store(tmp_path, about=ABOUT) as store:
        store.put(row(point(a=1)))
    with pytest.raises(InputError, match="holds a sweep already; give --resume"):
        Store(tmp_path, about=ABOUT)
    with pytest.raises(InputError, match=r"its rows have inputs = 1234, this sweep has 9"):
        Store(tmp_path, about=ABOUT | {"inputs": "9"}, resume=True)
    with Store(tmp_path, about=ABOUT, resume=True) as store:
        assert len(store.rows()) == 1


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no results.sqlite there; expected the --out of a sweep"):
        Store(tmp_path)
    (tmp_path / FILE).write_bytes(b"what is this" * 1000)
    with pytest.raises(InputError, match="not the results of a sweep"):
        Store(tmp_path)


WRITER = """
import os, signal, sys
from pathlib import Path
from hw.explore.store import Store
from tests.hw.explore.rows import point, row
with Store(Path(sys.argv[1]), about={"config": "tiny"}) as store:
    for n in range(1000):
        if n == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        store.put(row(point(a=n)))
"""


def test_a_kill_loses_no_row_that_was_kept(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with Store(tmp_path) as store:
        assert [one["settings"]["a"] for one in store.rows()] == list(range(7))
