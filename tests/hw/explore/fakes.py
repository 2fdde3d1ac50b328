"""Points that take a moment and leave a trace, for sweeps that are killed."""

import os
import sys
import time
from pathlib import Path

from hw.explore.evaluate import Limits
from hw.explore.inputs import make_inputs
from hw.explore.run import Sweep, connected
from hw.explore.search import Listed
from hw.explore.space import Point
from hw.explore.store import Store
from sw.configfile import load_config
from tests.hw.explore.rows import row

TRACE = "KATAZOME_TEST_TRACE"
ABOUT = {"config": "tiny"}


def trace(text):
    with Path(os.environ[TRACE]).open("a") as file:
        file.write(f"{text}\n")


def traced():
    path = Path(os.environ[TRACE])
    return path.read_text().split() if path.exists() else []


def measure_slowly(point, _inputs, _limits):
    """Some of the settings of a `tiny` engine; done after 0.3 seconds."""
    trace(f"begun:{point.get('table.entries')}:{os.getpid()}")
    time.sleep(0.3)
    trace(f"done:{point.get('table.entries')}")
    return row(point, size=point.get("table.entries"))


def measure_fatally(point, inputs, limits):
    """One point ends its worker, whoever that is; another breaks."""
    if point.get("table.entries") == 7:
        os._exit(9)
    if point.get("table.entries") == 8:
        raise ZeroDivisionError("by design")
    return measure_slowly(point, inputs, limits)


def route_some(point, _inputs, limits):
    """Place and route that ends for one point, and for another does not."""
    if point.get("table.entries") == 5:
        return row(point, size=5, rate=1, fmax_mhz=100.0 * limits.seeds)
    return row(point) | {"state": "failed", "reason": "took longer", "fmax_mhz": None}


def points(count):
    return [Point.of({"table.entries": n}) for n in range(5, 5 + count)]


def inputs():
    """Of the configuration `tiny`, an image of zeros."""
    import numpy as np  # noqa: PLC0415

    images = np.zeros((1, 2, 6, 7), np.uint8)
    return make_inputs(load_config("tiny"), source="tiny", images=images, bits=())


def sweep(folder, count, *, measure_one=measure_slowly, workers=2, on_row=None):
    """All points into the folder's store, gone on with if it is there."""
    with Store(folder, about=ABOUT, resume=True) as store, connected(None, workers) as client:
        told = on_row or (lambda _client, _row, _done, _total: None)
        Sweep(
            inputs=inputs(),
            limits=Limits(),
            store=store,
            on_row=lambda *said: told(client, *said),
            measure_one=measure_one,
        ).measure(Listed(points(count)), client)
        return store.rows()


if __name__ == "__main__":
    sweep(Path(sys.argv[1]), int(sys.argv[2]))
