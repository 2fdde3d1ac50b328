"""The line buffer and window that a constant core needs to become a layer: plain Verilog.

One pixel in and one window out at every clock, without back-pressure, as the cores have none.
"""

from __future__ import annotations

__all__ = ["TOP", "windowed"]

TOP = "layer"


def windowed(*, channels: int, width: int, pixel_bits: int, output_bits: int) -> str:
    """The module ``layer`` around ``core``, for 3x3 windows.

    Rows come from two memories whose outputs are registered beside the new pixel; ``core`` gets
    the window with channel slowest and column fastest, as the weights have it.
    """
    bits = channels * pixel_bits
    address = max(1, (width - 1).bit_length())
    inputs = [
        f"{'col2' if j == 0 else 'col1' if j == 1 else 'col0'}"
        f"[{(i * channels + c + 1) * pixel_bits - 1}:{(i * channels + c) * pixel_bits}]"
        for c in range(channels)
        for i in range(3)
        for j in range(3)
    ]
    return f"""\
module {TOP}(input clk, input [{bits - 1}:0] pixel, output [{output_bits - 1}:0] y);
  reg [{bits - 1}:0] line1 [0:{width - 1}];
  reg [{bits - 1}:0] line2 [0:{width - 1}];
  reg [{address - 1}:0] address = 0;
  // Rows of the window from the oldest (low bits) to the newest; column 0 is the newest.
  reg [{3 * bits - 1}:0] col0, col1, col2;
  always @(posedge clk) begin
    address <= address == {width - 1} ? 0 : address + 1;
    col0 <= {{pixel, line1[address], line2[address]}};
    line1[address] <= pixel;
    line2[address] <= line1[address];
    col1 <= col0;
    col2 <= col1;
  end
  core core(.clk(clk), .model_inp({{{", ".join(reversed(inputs))}}}), .model_out(y));
endmodule
"""
