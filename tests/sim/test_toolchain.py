"""The corrected Verilator builds and runs designs, also under cocotb, and keeps its promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cocotb_tools.runner import get_runner

from sim.toolchain import ToolchainError, VerilatorToolchain, build_binary, prepare

HELLO = """\
module hello;
  bit clock = 0;
  int count = 0;
  always #5 clock = ~clock;
  always @(posedge clock) begin
    count <= count + 1;
    if (count == 10) begin
      $display("hello");
      $finish;
    end
  end
endmodule
"""

COUNTER = """\
module counter (input clock, output reg [7:0] count = 0);
  always @(posedge clock) count <= count + 1;
endmodule
"""

COCOTB_TEST = """\
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly

@cocotb.test()
async def counts(dut):
    Clock(dut.clock, 10, unit="ns").start()
    await ClockCycles(dut.clock, 5)
    await ReadOnly()
    assert dut.count.value == 5
"""


@pytest.fixture(scope="module")
def build_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("toolchain") / "build"


@pytest.fixture(scope="module")
def toolchain(build_dir: Path) -> VerilatorToolchain:
    return prepare(build_dir)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    source = tmp_path / "hello.sv"
    source.write_text(HELLO)
    return source


def run(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def left_over(build_dir: Path) -> list[Path]:
    return list(build_dir.rglob(".new-*"))


def test_verilator_answers_with_its_version(toolchain: VerilatorToolchain):
    result = subprocess.run(
        ["verilator", "--version"],
        env=toolchain.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    major, minor = toolchain.version.split(".")[:2]
    assert result.stdout == f"Verilator {major}.{int(minor):03d}\n"


def test_all_but_the_patched_files_are_links(toolchain: VerilatorToolchain):
    own = {path.name for path in (toolchain.root / "include").iterdir() if not path.is_symlink()}
    assert own == {"verilated.mk", "verilated_config.h"}


def test_environment_comes_first_once_and_keeps_the_rest(toolchain: VerilatorToolchain):
    base = {"PATH": "/usr/bin", "MAKEFLAGS": "-j7", "VERILATOR_ROOT": "/elsewhere"}
    once = toolchain.environment(base)
    assert once == {
        "PATH": f"{toolchain.bin}{os.pathsep}/usr/bin",
        "MAKEFLAGS": "-j7",
        "VERILATOR_ROOT": str(toolchain.root),
    }
    assert toolchain.environment(once) == once
    assert base["PATH"] == "/usr/bin"


def test_two_processes_may_prepare_at_once(tmp_path: Path):
    script = "import sys, pathlib, sim.toolchain as t; print(t.prepare(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert answers == {f"{prepare(tmp_path)}\n"}
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("missing", ["g++", "make"])
def test_a_missing_tool_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for tool in {"g++", "make"} - {missing}:
        (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"^\S+ not found: .* `apt-get install g\+\+ make`$"):
        prepare(tmp_path)


def test_a_path_with_a_space_is_refused(tmp_path: Path):
    with pytest.raises(ToolchainError, match="make cannot build in a path with a space"):
        prepare(tmp_path / "my build")
    assert not (tmp_path / "my build").exists()


def test_a_design_is_built_once_for_each_content(build_dir: Path, hello: Path):
    lines: list[str] = []
    program = build_binary([hello], top="hello", build_dir=build_dir, on_line=lines.append)
    assert "hello\n" in run(program)
    assert lines

    lines.clear()
    again = build_binary([hello], top="hello", build_dir=build_dir, on_line=lines.append)
    assert again == program
    assert lines == []

    hello.write_text(HELLO.replace('"hello"', '"goodbye"'))
    changed = build_binary([hello], top="hello", build_dir=build_dir)
    assert "goodbye\n" in run(changed)
    assert changed != program


def test_what_designs_share_is_compiled_once(
    toolchain: VerilatorToolchain, build_dir: Path, hello: Path
):
    flags = ["--output-split", "1", "-CFLAGS", "-Werror=invalid-pch"]
    flags += ["-MAKEFLAGS", "OPT_GLOBAL=-O0"]

    def build_and_list(word: str) -> set[Path]:
        hello.write_text(HELLO.replace('"hello"', f'"{word}"'))
        program = build_binary([hello], top="hello", build_dir=build_dir, flags=flags, opt="-O0")
        assert f"{word}\n" in run(program)
        return set((toolchain.root / "objects").iterdir())

    first = build_and_list("first")
    assert {".gch", ".o"} <= {path.suffix for path in first}
    assert build_and_list("second") == first


def test_a_failure_shows_the_end_of_the_log_and_names_it(build_dir: Path, tmp_path: Path):
    source = tmp_path / "broken.sv"
    source.write_text("module broken; wire w = nowhere; endmodule\n")
    with pytest.raises(ToolchainError, match="nowhere") as error:
        build_binary([source], top="broken", build_dir=build_dir)
    (log,) = (build_dir / "sim").glob("*.log")
    assert f"the whole log is {log}" in str(error.value)
    assert "nowhere" in log.read_text()
    assert left_over(build_dir) == []


def test_an_interrupted_build_leaves_nothing_and_can_be_repeated(build_dir: Path, hello: Path):
    hello.write_text(HELLO.replace('"hello"', '"interrupted"'))

    def interrupt(line: str):
        raise KeyboardInterrupt(line)

    before = {path for path in (build_dir / "sim").iterdir() if path.is_dir()}
    with pytest.raises(KeyboardInterrupt):
        build_binary([hello], top="hello", build_dir=build_dir, on_line=interrupt)
    assert {path for path in (build_dir / "sim").iterdir() if path.is_dir()} == before
    assert "interrupted\n" in run(build_binary([hello], top="hello", build_dir=build_dir))


def test_two_processes_build_the_same_design_once(build_dir: Path, hello: Path):
    hello.write_text(HELLO.replace('"hello"', '"shared"'))
    script = (
        "import sys, pathlib, sim.toolchain as t; s, b = map(pathlib.Path, sys.argv[1:]);"
        "t.build_binary([s], top='hello', build_dir=b, on_line=print)"
    )
    command = [sys.executable, "-c", script, str(hello), str(build_dir)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    built = [bool(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(built) == [False, True]


def test_cocotb_runs_on_it(
    toolchain: VerilatorToolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "counter.v").write_text(COUNTER)
    (tmp_path / "counter_bench.py").write_text(COCOTB_TEST)
    monkeypatch.syspath_prepend(tmp_path)
    for name, value in toolchain.environment().items():
        monkeypatch.setenv(name, value)
    runner = get_runner("verilator")
    places = {"build_dir": tmp_path / "sim_build", "hdl_toplevel": "counter"}
    runner.build(sources=[tmp_path / "counter.v"], timescale=("1ns", "1ps"), **places)
    results = runner.test(test_module="counter_bench", **places)
    assert 'tests="1"' in results.read_text() or "<testcase" in results.read_text()
    assert "<failure" not in results.read_text()
