"""Networks as descriptions: what layers derive, what a chain holds, and what is refused how."""

from dataclasses import replace

import numpy as np
import pytest

from sw.network.graph import ArgMax, Conv, Dense, Network, NetworkError, Pool, Requantise, word_of
from sw.numeric import FixedFormat, IntRange
from sw.spec import LayerSpec, Padding, SpecError

BYTE = IntRange(0, 255)


def requantise(kernels, *, multiplier=1, shift=8, limits=BYTE):
    return Requantise(multiplier=np.full(kernels, multiplier, np.int64), shift=shift, limits=limits)


def conv(**changes):
    spec = LayerSpec(
        weight=np.arange(-9, 45).reshape(3, 2, 3, 3).astype(np.int64),
        input_shape=(2, 6, 7),
        input_format=FixedFormat(bits=8, frac=0, signed=False),
        weight_format=FixedFormat(bits=8, frac=0, signed=True),
        bias=np.array([5, 0, -3], np.int64),
        padding=Padding.of(1),
    )
    fields = {"name": "conv1", "spec": spec, "input_range": BYTE, "requantise": requantise(3)}
    return Conv(**fields | changes)


def pool(**changes):
    fields = {
        "name": "pool1",
        "kind": "max",
        "input_shape": (3, 6, 7),
        "input_range": BYTE,
        "kernel": (2, 2),
        "stride": (2, 2),
    }
    return Pool(**fields | changes)


def dense(**changes):
    weight = np.arange(4 * 3 * 3 * 3).reshape(4, 3, 3, 3).astype(np.int64) - 50
    fields = {"name": "dense1", "weight": weight, "input_range": BYTE}
    return Dense(**fields | changes)


def network(**changes):
    last = dense()
    logits = ArgMax(name="argmax", classes=4, input_range=last.output_range)
    return Network(**{"layers": (conv(), pool(), last, logits), "input_range": BYTE} | changes)


def test_a_chain_of_every_kind():
    found = network()
    assert found.input_shape == (2, 6, 7)
    assert [layer.output_shape for layer in found.layers] == [
        (3, 6, 7), (3, 3, 3), (4, 1, 1), (1, 1, 1),
    ]  # fmt: skip
    assert found.classifies
    assert found.output_shape == (4, 1, 1)
    assert found.output_range == found.layers[2].output_range
    assert found.multiplications == 54 * 42 + 108


def test_without_argmax_a_frame_goes_out():
    found = network(layers=(conv(), pool()))
    assert not found.classifies
    assert (found.output_shape, found.output_range) == ((3, 3, 3), BYTE)


def test_ranges_of_sums_are_met_by_some_input():
    layer = dense()
    rng = np.random.default_rng(0)
    for weight, limits in zip(layer.weight, layer.accumulator_ranges, strict=True):
        most, least = np.where(weight > 0, 255, 0), np.where(weight > 0, 0, 255)
        assert ((most * weight).sum(), (least * weight).sum()) == (limits.hi, limits.lo)
        assert limits.contains((rng.integers(0, 256, weight.shape) * weight).sum())


def test_the_bias_shifts_the_range_of_a_sum():
    plain = conv(spec=replace(conv().spec, bias=None))
    shifts = zip(conv().accumulator_ranges, plain.accumulator_ranges, strict=True)
    assert [a.hi - b.hi for a, b in shifts] == [5, 0, -3]


def test_ranges_of_pools():
    signed = IntRange(-7, 8)
    average = {"kind": "average", "requantise": requantise(3, limits=signed)}
    assert pool(input_range=signed).output_range == signed
    assert pool(input_range=signed, **average).accumulator_ranges == (IntRange(-28, 32),) * 3
    high = pool(input_range=IntRange(3, 5), padding=Padding(top=1), **average)
    assert high.accumulator_ranges[0] == IntRange(0, 20)
    assert (high.padding_value, pool(input_range=signed).padding_value) == (0, -7)


def test_exact_sums_need_no_requantiser():
    layer = conv(requantise=None)
    assert layer.output_range == IntRange.union_of(layer.accumulator_ranges)
    assert requantise(3).multiplies is False
    assert requantise(3, multiplier=3).multiplies is True


@pytest.mark.parametrize(
    ("limits", "word"),
    [((0, 0), (1, False)), ((0, 6), (3, False)), ((-1, 0), (1, True)), ((-128, 130), (9, True))],
)
def test_words(limits, word):
    assert word_of(IntRange(*limits)) == word


def test_the_word_of_a_dense_layers_weights():
    assert dense().weight_range == IntRange(-64, 63)
    assert dense(weight=np.zeros((1, 3, 3, 3), np.int64)).weight_range == IntRange(-2, 1)


def test_digests_tell_networks_apart():
    other = np.array([5, 0, -4], np.int64)
    changed = [
        network(layers=(conv(), pool())),
        network(input_zero_point=1),
        network(layers=(conv(spec=replace(conv().spec, bias=other)), *network().layers[1:])),
        network(layers=(conv(requantise=requantise(3, shift=9)), *network().layers[1:])),
    ]
    digests = {found.digest for found in changed}
    assert len(digests) == len(changed)
    assert network().digest not in digests
    assert network().digest == network().digest


WIDE = np.full((1, 64, 64, 64), 32767, np.int64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: requantise(3, shift=63), "requantise.shift must be 0 to 62, not 63"),
        (lambda: requantise(3, multiplier=-1), "requantise.multiplier must be 0 to 2**32 - 1"),
        (lambda: requantise(3, limits=IntRange(0, 1 << 16)), "16 are the most"),
        (lambda: conv(name="Conv 1"), "lower-case letters, digits and _"),
        (lambda: conv(requantise=requantise(2)), "expected 3 values, one an output channel, got 2"),
        (lambda: conv(input_range=IntRange(-1, 5)), "does not hold input_range"),
        (lambda: conv(spec=replace(conv().spec, scale=np.ones(3, np.int64))), "spec.scale"),
        (lambda: dense(weight=np.zeros((4, 27), np.int64)), "expected int64 (N, C, H, W)"),
        (lambda: dense(weight=np.full((1, 1, 1, 1), 1 << 15)), "do not fit 16 signed bits"),
        (lambda: dense(bias=np.zeros(3, np.int64)), "bias: expected 4 int64, one an output"),
        (lambda: dense(weight=WIDE), "32 signed bits are the most"),
        (lambda: pool(kind="sum"), "'sum' is no pool"),
        (lambda: pool(kind="average"), "an average needs one, which divides"),
        (lambda: pool(kernel=(2, 8)), "kernel must be 1 to 7, the padded frame, not 8"),
        (lambda: pool(stride=(0, 1)), "stride must be at least 1, not 0"),
        (lambda: pool(padding=Padding(top=2)), "padding must be less than the kernel, 2, not 2"),
        (lambda: ArgMax(name="a", classes=1, input_range=BYTE), "classes must be 2 to 4096, not 1"),
        (lambda: network(layers=()), "layers: expected 1 to 256, got 0"),
        (lambda: network(layers=(conv(), conv())), "layer conv1: the name comes twice"),
        (lambda: network(layers=(conv(), dense())), "(3, 3, 3) (C, H, W), but gets (3, 6, 7)"),
        (lambda: network(input_range=IntRange(-1, 9)), "it takes 0..255, but gets -1..9"),
        (
            lambda: network(
                layers=(
                    *network().layers,
                    Pool(
                        name="after",
                        kind="max",
                        input_shape=(1, 1, 1),
                        input_range=BYTE,
                        kernel=(1, 1),
                        stride=(1, 1),
                    ),
                )
            ),
            "layer argmax: ArgMax can only be the last layer",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(make, message):
    with pytest.raises(NetworkError) as refusal:
        make()
    assert message in str(refusal.value)
    assert isinstance(refusal.value, SpecError)
