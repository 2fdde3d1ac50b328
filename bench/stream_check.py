"""Bit for bit: a design that takes a word and gives a word at every clock, in Verilator."""

from __future__ import annotations

import subprocess

import numpy as np

from sim.toolchain import DEFAULT_BUILD_DIR, build_binary
from sw.numeric import IntArray
from sw.work_folder import work_folder

from .design import Design, Feed, Verified, pack, unpack

__all__ = ["bench_verilog", "compare", "run_stream"]

MAX_LATENCY = 64
"""Clocks after which an output is looked for."""
_TIMEOUT = 300


def run_stream(design: Design, words: IntArray) -> IntArray:
    """What a design shows after each of the clocks at which ``words`` enter it.

    Parameters
    ----------
    design : Design
    words : IntArray, shape (T, inputs)
        :data:`MAX_LATENCY` words of zeros follow them; ``design.lead`` go before.

    Returns
    -------
    IntArray, shape (T + MAX_LATENCY, fields)
        Row *t*: behind the clock edge that took word *t* in.
    """
    feed = design.feed
    assert feed is not None
    with work_folder(DEFAULT_BUILD_DIR, "bench") as folder:
        simulated = design.simulated or design.sources
        for file, text in simulated.items():
            (folder / file).write_text(text)
        (folder / "bench.sv").write_text(bench_verilog(design.top, feed))
        names = sorted(file for file in simulated if file.endswith((".v", ".sv")))
        sources = [folder / file for file in [*names, "bench.sv"]]
        binary = build_binary(sources, top="bench", opt="-O1")
        padded = np.pad(words, ((design.lead, MAX_LATENCY), (0, 0)))
        lines = [f"{word:x}" for word in pack(padded, feed.input_bits)]
        (folder / "words.hex").write_text("\n".join(lines) + "\n")
        subprocess.run(
            [binary, f"+count={len(lines)}"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=_TIMEOUT,
        )
        shown = [int(line, 16) for line in (folder / "out.hex").read_text().split()]
    return unpack(shown[design.lead :], feed.fields)


def bench_verilog(top: str, feed: Feed) -> str:
    """A bench that makes its own clock: ``words.hex`` in, ``out.hex`` out."""
    constants = [f"    .\\{port} ({value}),\n" for port, value in feed.constants.items()]
    return f"""\
module bench;
  reg clk = 0;
  reg [{feed.word_bits - 1}:0] word;
  wire [{feed.output_bits - 1}:0] shown;
  int count, input_file, output_file, found;
  {top} dut(
{"".join(constants)}    .\\{feed.input} (word), .\\{feed.output} (shown), .\\{feed.clock} (clk)
  );
  initial begin
    void'($value$plusargs("count=%d", count));
    input_file = $fopen("words.hex", "r");
    output_file = $fopen("out.hex", "w");
    for (int n = 0; n < count; n++) begin
      found = $fscanf(input_file, "%h\\n", word);
      #1 clk = 1;
      #1 $fdisplay(output_file, "%h", shown);
      clk = 0;
      #1;
    end
    $fclose(output_file);
    $finish;
  end
endmodule
"""


def compare(shown: IntArray, expected: IntArray, positions: IntArray) -> Verified:
    """Find the latency at which all outputs are the expected ones, or the fewest differ.

    Parameters
    ----------
    shown : IntArray, shape (T, K)
        From :func:`run_stream`.
    expected : IntArray, shape (M, K)
    positions : IntArray, shape (M,)
        The word with which each row's window ends.
    """
    best = Verified(compared=expected.size, different=expected.size)
    for latency in range(MAX_LATENCY):
        different = int((shown[positions + latency] != expected).sum())
        if different == 0:
            return Verified(compared=expected.size, different=0, latency=latency)
        if different < best.different:
            best = Verified(compared=expected.size, different=different)
    return best
