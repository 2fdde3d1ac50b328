"""The template bank: every two-valued or ternary kernel of a layer, by additions alone."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bank_plan import BankPlan, Operand, Operation
from hw.fanout import kept_register
from hw.shapes import shape_of

from .tapped_delay import TappedDelay

__all__ = ["ENABLED_BITS", "TemplateBank"]

ENABLED_BITS = 512
"""Flip-flops that one register of ``i_next`` enables, or a line's more."""


class TemplateBank(wiring.Component):
    """Correlate every window with a bank of template kernels, or of any constant ones.

    y[k](t) = A[k] * sum(pattern[k][c, i, j] * x[c](t - (kh-1-i) * row - (kw-1-j)))         (1)

    Beat-synchronous: ``o.valid`` is ``i.valid`` and ``i.ready`` is ``o.ready`` in the same cycle;
    one transfer on both moves beat *t* in and the sums of beat ``t - latency`` out. Each adder
    of the plan has a register behind it, each line one :class:`TappedDelay` for all its delays:
    line buffer, window and alignment. No sum can overflow; a reset clears no data.

    Parameters
    ----------
    plan : BankPlan
        From :func:`hw.bank_plan.plan_bank`; :meth:`BankPlan.evaluate` gives the same bits.
    ahead : bool
        Transfers are announced, so that thousands of clock enables come from registers.

    Members
    -------
    i : ``In(stream.Signature(ArrayLayout(input, C)))``
    o : ``Out(stream.Signature(StructLayout))``, a field ``k<kernel>`` for each template kernel,
        ascending, as wide as its sum needs
    i_next : ``In(1)``, only with ``ahead``
        Whether ``i.valid`` and ``o.ready`` will be high in the next cycle; they are both, or no
        transfer is.
    """

    i: stream.Interface
    o: stream.Interface
    i_next: Signal

    def __init__(self, plan: BankPlan, *, ahead: bool = False) -> None:
        self.plan = plan
        self.ahead = ahead
        sums = {f"k{kernel}": shape_of(limits) for kernel, limits in plan.output_ranges.items()}
        pixel = data.ArrayLayout(shape_of(plan.input_range), plan.channels)
        members = {
            "i": In(stream.Signature(pixel)),
            "o": Out(stream.Signature(data.StructLayout(sums))),
        }
        super().__init__(members | {"i_next": In(1)} if ahead else members)

    @property
    def latency(self) -> int:
        """Beats from the newest cell of a window to its sums."""
        return self.plan.latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
        ]
        steps = self._steps(m)
        views: dict[tuple[int, int], Value] = {}
        for channel in range(self.plan.channels):
            self._add_line(m, steps[channel], views, channel, Value.cast(self.i.payload[channel]))
        for line, operation in enumerate(self.plan.operations, self.plan.channels):
            total = self._adder(m, steps[line], views, line, operation)
            self._add_line(m, steps[line], views, line, total)
        for kernel, operand in self.plan.outputs.items():
            m.d.comb += self.o.payload[f"k{kernel}"].eq(_read(views, operand) << operand.shift)
        return m

    def _steps(self, m: Module) -> list[Signal]:
        """Each line's clock enable: one for all, or a register for some of them."""
        if not self.ahead:
            step = Signal()
            m.d.comb += step.eq(self.i.valid & self.o.ready)
            return [step] * len(self.plan.line_ranges)
        steps: list[Signal] = []
        bits = ENABLED_BITS
        for line, own in enumerate(self.plan.line_bits):
            if bits + own > ENABLED_BITS or not steps:
                steps.append(kept_register(m, self.i_next, f"step_{line}"))
                bits = 0
            else:
                steps.append(steps[-1])
            bits += own
        return steps

    def _add_line(
        self, m: Module, step: Signal, views: dict[tuple[int, int], Value], line: int, value: Value
    ) -> None:
        """Enter ``value`` in ``views`` as it is now and as it was at each of the line's taps."""
        taps = self.plan.taps[line]
        views[line, 0] = value
        if not taps or taps[-1] == 0:
            return
        delay = TappedDelay(shape_of(self.plan.line_ranges[line]), taps)
        m.submodules[f"delay_{line}"] = delay
        m.d.comb += [
            delay.i.payload.eq(value),
            delay.i.valid.eq(step),
            delay.o.ready.eq(1),
        ]
        for n, tap in enumerate(taps):
            views[line, tap] = delay.o.payload[n]

    def _adder(
        self,
        m: Module,
        step: Signal,
        views: dict[tuple[int, int], Value],
        line: int,
        operation: Operation,
    ) -> Signal:
        """A register with ``a + b``; low bits that only one operand has go round the adder."""
        total = Signal(shape_of(operation.limits), name=f"sum_{line}", reset_less=True)
        a, b = operation.a, operation.b
        if a.negative or (a.shift and not b.negative):
            a, b = b, a
        assert not a.negative, "an adder has a positive operand"
        low = min(b.shift, len(total)) if not a.shift else 0
        left, right = _read(views, a), _read(views, b)
        left = (left << a.shift) >> low
        right = right << (b.shift - low)
        with m.If(step):
            m.d.sync += total[low:].eq(left - right if b.negative else left + right)
            if low:
                m.d.sync += total[:low].eq(_read(views, a))
        return total


def _read(views: dict[tuple[int, int], Value], operand: Operand) -> Value:
    return views[operand.line, operand.tap]
