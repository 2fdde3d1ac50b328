"""hw.digest: what an engine's RTL depends on is in it, and what it does not is not."""

import subprocess
import sys

from hw.digest import ROOT, generator_sources

LOADED = """
import sys
from hw.engine import Engine
from hw.targets import verilog
from sw.configfile import load_config
before = set(sys.modules)
for name in ("tiny", "cifar10-layer1-small"):
    verilog.emit(load_config(name))
print(*(m.__file__ for n, m in sys.modules.items() if n.split(".")[0] in ("hw", "sw") and (
    n not in before or "hw/blocks" in m.__file__ or "hw/strategies" in m.__file__)))
"""


def names():
    return {str(path.relative_to(ROOT)) for path in generator_sources()}


def test_every_file_that_makes_an_engine_is_in_it():
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded
    assert {path.removeprefix(f"{ROOT}/") for path in loaded} <= names()


def test_what_makes_no_engine_is_not():
    assert {"hw/engine.py", "hw/targets/rtlil.py", "sw/config.py", "sw/spec.py"} <= names()
    apart = ("hw/network/", "hw/flow/", "hw/explore/", "sw/train/", "sw/network/")
    assert not [name for name in names() if name.startswith(apart)]
    assert not names() & {"hw/build.py", "hw/boards.py", "sw/auto.py", "sw/host.py"}
