"""A small design for the tests of the flow, and a look into its cache."""

from pathlib import Path

from hw import flow

__all__ = ["COUNTER", "ECP5", "left_over"]

ECP5 = flow.load_family("ecp5")
COUNTER = """
module counter #(parameter N = 8)
    (input clk, input rst, input [N-1:0] step, output reg [N-1:0] count);
  always @(posedge clk) if (rst) count <= 0; else count <= count + step;
endmodule
"""


def left_over(cache: Path) -> list[str]:
    """What is in a cache, by name."""
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []
