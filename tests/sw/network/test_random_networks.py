"""Networks that Hypothesis makes: the golden network's integers are onnxruntime's."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sw.network.models import INT8, UINT8, Builder, assert_equal_to_onnxruntime

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


class Drawn:
    """A network that grows at random: up to four layers of frames, then dense ones."""

    def __init__(self, draw, *, shifts):
        self.draw, self.shifts = draw, shifts
        self.rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
        self.kind = draw(st.sampled_from([UINT8, INT8]))
        self.shape = [draw(st.integers(1, 3)), *(draw(st.integers(4, 10)) for _ in range(2))]
        self.scale = self.real(-7)
        zero = draw(st.integers(-20, 20))
        self.built = Builder(tuple(self.shape))
        self.built.quantise(self.scale, self.word(zero), self.kind)

    def real(self, exponent):
        factor = 1.0 if self.shifts else self.rng.uniform(0.7, 1.4)
        return np.float32(2.0**exponent * factor)

    def word(self, zero):
        return max(zero, 0) if self.kind == UINT8 else zero

    def grid(self):
        if self.draw(st.booleans()):
            self.built.node("Relu")
        self.scale = self.real(self.draw(st.integers(-6, -1)))
        zero = 2 * self.draw(st.integers(-30, 30))  # even: an average's ties go by q in onnxruntime
        self.built.quantise(self.scale, self.word(zero), self.kind)

    def weights(self, kernels, *rest):
        """(values, scales, (bias, its scale) or None)."""
        values = self.rng.integers(-128, 128, (kernels, *rest)).astype(np.int8)
        scales = np.array([self.real(self.draw(st.integers(-9, -6))) for _ in range(kernels)])
        scale = scales if self.draw(st.booleans()) else scales[0]
        if not self.draw(st.booleans()):
            return values, scale, None
        unit = np.broadcast_to((self.scale * scale).astype(np.float32), kernels)
        return values, scale, (self.rng.integers(-9000, 9000, kernels), unit)

    def frames(self, operator):
        window = [self.draw(st.integers(1, min(3, side))) for side in self.shape[1:]]
        strides = [self.draw(st.integers(1, 3)) for _ in window]
        pads = [0] * 4
        if operator == "Conv":
            pads = [self.draw(st.integers(0, 2)) for _ in range(4)]
            kernels = self.draw(st.integers(1, 4))
            weights = self.weights(kernels, self.shape[0], *window)
            self.built.conv(*weights, strides=strides, pads=pads)
            self.shape[0] = kernels
        elif operator == "GlobalAveragePool":
            self.built.node(operator)
            window, strides = self.shape[1:], [1, 1]
        else:
            self.built.node(operator, kernel_shape=window, strides=strides)
        if operator != "MaxPool":
            self.grid()
        for axis in (0, 1):
            side = self.shape[axis + 1] + pads[axis] + pads[axis + 2]
            self.shape[axis + 1] = (side - window[axis]) // strides[axis] + 1

    def dense(self):
        outputs = self.draw(st.integers(2, 5))
        self.built.gemm(*self.weights(outputs, int(np.prod(self.shape))))
        self.grid()
        self.shape = [outputs, 1, 1]


@st.composite
def networks(draw, *, shifts):
    """(model, images); ``shifts``: all scales are powers of two."""
    drawn = Drawn(draw, shifts=shifts)
    operators = st.sampled_from(["Conv", "Conv", "MaxPool", "AveragePool", "GlobalAveragePool"])
    for _ in range(draw(st.integers(1, 4))):
        drawn.frames(draw(operators))
    drawn.built.node("Flatten")
    for _ in range(draw(st.integers(0, 2))):
        drawn.dense()
    limits = np.iinfo(drawn.kind)
    shape = (5, *drawn.built.input_shape)
    images = drawn.rng.integers(limits.min, limits.max, shape, drawn.kind, endpoint=True)
    return drawn.built, images


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(networks(shifts=True))
def test_with_powers_of_two_every_integer_is_equal(tmp_path, found):
    built, images = found
    imported = assert_equal_to_onnxruntime(built.save(tmp_path / "net.onnx"), images)
    layers = {layer.name: layer for layer in imported.network.layers}
    for difference in imported.differences:  # a mean of 6 or 10 cells has ties that no factor has
        cells = np.prod(layers[difference.layer].kernel)
        assert difference.steps == 1
        assert int(cells).bit_count() > 1


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(networks(shifts=False))
def test_with_any_scales_what_differs_is_said(tmp_path, found):
    built, images = found
    path = built.save(tmp_path / "net.onnx")
    assert_equal_to_onnxruntime(path, images, optimise=[True])
