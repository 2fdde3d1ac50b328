"""Fixed kernels: what they are, that they never move, and what they save."""

import numpy as np
import pytest
import torch

from sw.cli import InputError
from sw.templates import find_template, hlac25, named_bank
from sw.train.build import build
from sw.train.loop import Trainer, prepare_torch
from sw.train.networks import first_convolution
from sw.train.options import Options
from sw.train.templating import kernels_of, template_kernels


def templated(**changes) -> Options:
    return Options.of(changes.pop("data", "cifar10"), templates="hlac25", **changes)


def test_the_templates_are_the_papers():
    kernels = template_kernels("hlac25", shape=(32, 3, 3, 3)).numpy()
    assert kernels.shape == (25, 3, 3, 3)
    assert np.unique(np.abs(kernels)) == pytest.approx([3 / 27**0.5])
    assert np.array_equal(np.sign(kernels), np.repeat(hlac25()[:, np.newaxis], 3, axis=1))


def test_magnitude_of_one_channel_is_one():
    assert template_kernels("lbp", shape=(32, 1, 3, 3)).abs().unique().tolist() == [0, 1]


@pytest.mark.parametrize(("fixed", "count"), [(None, 25), (10, 10), (1, 1)])
def test_the_layer_begins_with_the_bank_and_goes_on_as_without(fixed, count):
    plain = kernels_of(first_convolution(build(Options.of("cifar10", seed=3))))
    mixed = kernels_of(first_convolution(build(templated(seed=3, fixed=fixed))))
    bank = template_kernels("hlac25", shape=(32, 3, 3, 3)).numpy()
    assert np.array_equal(mixed[:count], bank[:count])
    assert np.array_equal(mixed[count:], plain[count:])


def test_all_else_begins_as_without():
    plain, mixed = build(Options.of("mnist", seed=3)), build(templated(data="mnist", seed=3))
    theirs = dict(plain.named_parameters())
    for name, parameter in mixed.named_parameters():
        if "parametrizations" not in name:
            assert torch.equal(parameter, theirs[name])


@pytest.mark.parametrize("fixed", [0, 26, -1])
def test_a_count_that_the_bank_has_not(fixed):
    with pytest.raises(InputError, match=f"fixed must be 1 to 25, not {fixed}: the bank hlac25"):
        build(templated(fixed=fixed))


def test_a_bank_of_another_size(tmp_path):
    bank = tmp_path / "wide.json"
    bank.write_text('{"patterns": [[[1, 1, 1, -1]]]}')
    with pytest.raises(InputError, match=r"kernels are \(1, 1, 4\), not \(1, 3, 3\)"):
        build(Options.of("mnist", templates=str(bank)))


def test_a_bank_whose_channels_differ():
    kernels = template_kernels("ternary-rgb", shape=(32, 3, 3, 3), fixed=5)
    assert np.array_equal(np.sign(kernels.numpy()), named_bank("ternary-rgb")[:5])
    with pytest.raises(InputError, match=r"kernels are \(3, 3, 3\), not \(1, 3, 3\)"):
        build(Options.of("mnist", templates="ternary-rgb"))


def test_a_first_layer_without_a_learned_kernel_trains(photographs):
    options = Options.of("cifar10", templates="ternary-rgb", epochs=1, batch=20)
    trainer = Trainer(build(options), options, photographs, photographs)
    trainer.epoch()
    assert not first_convolution(trainer.network).weight.requires_grad
    expected = template_kernels("ternary-rgb", shape=(32, 3, 3, 3)).numpy()
    assert np.array_equal(kernels_of(first_convolution(trainer.network)), expected)


@pytest.mark.parametrize("fixed", [None, 7])
def test_fixed_kernels_do_not_move_by_a_bit(photographs, fixed):
    options = templated(epochs=2, batch=50, fixed=fixed)
    prepare_torch(options)
    network = build(options)
    before = kernels_of(first_convolution(network))
    trainer = Trainer(network, options, photographs, photographs)
    while not trainer.finished:
        trainer.epoch()
    after, count = kernels_of(first_convolution(network)), fixed or 25
    assert before[:count].tobytes() == after[:count].tobytes()
    moved = (before[count:] != after[count:]).any(axis=(1, 2, 3))
    assert moved.all()
    for kernel in after[:count]:
        assert find_template(np.rint(kernel * 256).astype(int)) is not None


@pytest.mark.parametrize(("templates", "trainable"), [("none", 864), ("hlac25", 189)])
def test_only_learned_kernels_have_gradients_and_momentum(photographs, templates, trainable):
    options = Options.of("cifar10", templates=templates, epochs=1, batch=100)
    network = build(options)
    trainer = Trainer(network, options, photographs, photographs)
    trainer.epoch()
    first = list(first_convolution(network).parameters())
    assert sum(parameter.grad.numel() for parameter in first) == trainable
    state = trainer.optimiser.state
    assert sum(state[parameter]["momentum_buffer"].numel() for parameter in first) == trainable
