"""Each system makes the weights that it says, and learns with them."""

import numpy as np
import pytest
import torch

from sw.cli import InputError
from sw.train.build import build
from sw.train.loop import Trainer, prepare_torch
from sw.train.networks import first_convolution
from sw.train.options import Options
from sw.train.store import MODEL, model_bytes
from sw.train.systems import Binary, LocalBinary, PowerOfTwo
from sw.train.templating import kernels_of


@pytest.fixture
def base(tmp_path):
    """A network with its initial weights, as a finished run's folder holds it."""
    (tmp_path / MODEL).write_bytes(model_bytes(build(Options.of("mnist", seed=9))))
    return str(tmp_path)


def options_of(system, base, **changes) -> Options:
    changes |= {"base": base, "clusters": 5} if system == "clustered" else {}
    return Options.of("mnist", system=system, **changes)


def convolutions(network):
    return [stage.convolution for stage in network.stages]


def test_binary_weights_are_two_values_a_kernel():
    weight = torch.randn(4, 2, 3, 3)
    weight[0, 0, 0, 0] = 0
    binary = Binary()(weight)
    for kernel, original in zip(binary, weight, strict=True):
        assert kernel.abs().unique().tolist() == pytest.approx([float(original.abs().mean())])
        assert torch.equal(kernel < 0, original < 0)


def test_powers_of_two_are_the_nearest_exponents():
    weight = torch.tensor([0.3, -0.3, 0.36, 3.0, 0.0, -1e-9]).reshape(1, 1, 2, 3)
    expected = [0.25, -0.25, 0.5, 1.0, 2**-8, -(2**-8)]
    assert PowerOfTwo()(weight).flatten().tolist() == expected


@pytest.mark.parametrize("kind", [Binary, PowerOfTwo])
def test_gradients_go_straight_through(kind):
    weight = torch.randn(4, 2, 3, 3, requires_grad=True)
    kind()(weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_local_binary_kernels_are_sparse_ternary_and_fixed():
    network = build(Options.of("cifar10", system="lbcnn"))
    for layer in convolutions(network):
        assert isinstance(layer, LocalBinary)
        anchors = layer[0].weight
        assert set(anchors.unique().tolist()) == {-1, 0, 1}
        assert 0.4 < float((anchors != 0).float().mean()) < 0.6
        assert sum(p.numel() for p in layer[0].parameters()) == 0
        assert layer[2].weight.shape == (*layer[2].weight.shape[:2], 1, 1)


def test_clusters_take_the_place_of_all_slices(base):
    network = build(options_of("clustered", base))
    first = first_convolution(network)
    slices = kernels_of(first).reshape(-1, 9)
    assert len(np.unique(slices, axis=0)) == 5
    assert sum(p.numel() for p in first.parameters()) == 0
    trained = dict(build(Options.of("mnist", seed=9)).named_parameters())
    assert torch.equal(network.stages[1].convolution.weight, trained["stages.1.convolution.weight"])


def test_a_base_of_another_network(tmp_path):
    (tmp_path / MODEL).write_bytes(model_bytes(build(Options.of("cifar10"))))
    with pytest.raises(InputError, match="not a model of this network"):
        build(options_of("clustered", str(tmp_path)))


def test_a_base_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such model; finish the run that makes it first"):
        build(options_of("clustered", str(tmp_path / "none.npz")))


@pytest.mark.parametrize("system", ["plain", "lbcnn", "binary", "pow2", "clustered"])
def test_every_system_learns(system, base, digits):
    options = options_of(system, base, epochs=4, batch=20)
    prepare_torch(options)
    trainer = Trainer(build(options), options, digits, digits)
    while not trainer.finished:
        line = trainer.epoch()
    assert line["loss"] < 0.8 * trainer.metrics[0]["loss"]
    assert line["top1"] > 60
    assert line["top5"] > 90
