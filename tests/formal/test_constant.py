"""Built-in weights: the network of shared adders is the sum of products, at every beat."""

import numpy as np
import pytest

from hw.blocks.template_bank import TemplateBank
from hw.constant_plan import plan_constant
from tests.formal.contract import BeatHarness, HoldHarness, history
from tests.formal.prove import prove
from tests.hw.layers import make_config, make_layer

pytestmark = pytest.mark.formal

SHAPES = {
    "row": {"kernels": 3, "channels": 1, "kernel_shape": (1, 3), "frame": (1, 4)},
    "two channels": {"kernels": 2, "channels": 2, "kernel_shape": (1, 2), "frame": (1, 3)},
    "two rows": {"kernels": 2, "channels": 1, "kernel_shape": (2, 2), "frame": (3, 3)},
}


def network(name, *, signed=False, wrong=0):
    """A harness for 4-bit weights; ``wrong``: the fault, added to one of them."""
    layer = make_layer(**SHAPES[name], input_bits=4, input_signed=signed, weight_bits=4, seed=1)
    config = make_config(layer, strategy="constant")
    plan = plan_constant(config)
    weight = config.learned_weight.copy()
    weight[0, 0, 0, 0] += wrong
    _, channels, rows, columns = weight.shape
    row = layer.padded_shape[1]
    oldest = (rows - 1) * row + columns - 1

    def model(m, step, i, o):
        words = [history(m, step, i[c], oldest) for c in range(channels)]
        return [(o[f"k{k}"], total(words, own)) for k, own in enumerate(weight)]

    def total(words, own):
        return sum(
            words[c][(rows - 1 - i) * row + columns - 1 - j] * int(own[c, i, j])
            for c, i, j in np.ndindex(own.shape)
        )

    dut = TemplateBank(plan)
    return BeatHarness(dut, latency=dut.latency, model=model, warm_up=oldest, every_cycle=True)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_network_is_the_sum_of_products(name, signed):
    harness = network(name, signed=signed)
    prove(harness, mode="bmc", depth=harness.warm_up + harness.latency + 2).holds()


@pytest.mark.parametrize("name", SHAPES)
def test_network_moves_with_the_beats_alone(name):
    prove(HoldHarness(network(name).dut), mode="prove", depth=2).holds()


@pytest.mark.parametrize("name", SHAPES)
def test_fault_network_with_another_weight(name):
    harness = network(name, wrong=1)
    depth = harness.warm_up + harness.latency + 2
    prove(harness, mode="bmc", depth=depth).breaks("is as specified")
