"""What one writes by hand first: a product for every weight by ``*``, and a tree of adders."""

from __future__ import annotations

from sw.numeric import IntArray, IntRange

from .design import Field

__all__ = ["plain_core"]


def plain_core(weight: IntArray, *, input_bits: int) -> tuple[str, tuple[Field, ...]]:
    """A core in the form of the others': ``model_inp`` to ``model_out``.

    Parameters
    ----------
    weight : IntArray, shape (inputs, outputs)

    Notes
    -----
    Registers behind the products and behind each level of the trees. A zero weight has no product.
    """
    inputs, outputs = weight.shape
    x = IntRange.of_bits(input_bits, signed=False)
    fields, low, lines = [], 0, []
    for k in range(outputs):
        column = [int(w) for w in weight[:, k]]
        largest = sum(abs(w) for w in column) * x.hi
        bits = IntRange(-largest, largest).bits
        terms = []
        for n, w in enumerate(column):
            lines.append(f"  reg signed [{bits - 1}:0] p{k}_{n};")
            number = f"$signed({{1'b0, model_inp[{(n + 1) * input_bits - 1}:{n * input_bits}]}})"
            lines.append(f"  always @(posedge clk) p{k}_{n} <= {number} * {_literal(w)};")
            terms.append(f"p{k}_{n}")
        lines += _tree(terms, k, bits, f"model_out[{low + bits - 1}:{low}]")
        fields.append(Field(bits=bits))
        low += bits
    ports = f"input clk, input [{inputs * input_bits - 1}:0] model_inp, output [{low - 1}:0]"
    text = "\n".join([f"module core({ports} model_out);", *lines, "endmodule", ""])
    return text, tuple(fields)


def _literal(weight: int) -> str:
    bits = IntRange(min(weight, 0), max(weight, 1)).bits + 1
    sign = "-" if weight < 0 else ""
    return f"{sign}{bits}'sd{abs(weight)}"


def _tree(terms: list[str], kernel: int, bits: int, output: str) -> list[str]:
    lines, level = [], 0
    while len(terms) > 1:
        sums = []
        for n in range(0, len(terms), 2):
            name = f"s{kernel}_{level}_{n // 2}"
            lines.append(f"  reg signed [{bits - 1}:0] {name};")
            lines.append(f"  always @(posedge clk) {name} <= {' + '.join(terms[n : n + 2])};")
            sums.append(name)
        terms, level = sums, level + 1
    return [*lines, f"  assign {output} = {terms[0]};"]
