"""The named networks: their files, onnxruntime's integers on the samples, and their templates."""

import numpy as np
import pytest

from sw.datasets.samples import load_samples
from sw.network.configfile import NETWORK_FOLDER, load_network, network_names
from sw.network.graph import Conv
from sw.network.images import check_network_images
from sw.network.reference import run
from sw.templates import find_templates
from tests.sw.network.models import assert_equal_to_onnxruntime


def samples(name):
    return load_samples(name.removesuffix("-net"))


def test_there_are_some():
    assert "mnist-net" in network_names()


@pytest.mark.parametrize("name", network_names())
def test_every_integer_is_onnxruntimes(name):
    config = load_network(name)
    images = check_network_images(samples(name).images[:100], config, "samples")
    path = NETWORK_FOLDER / f"../../models/{name}.onnx"
    imported = assert_equal_to_onnxruntime(path, images)
    assert imported.differences == ()
    assert imported.network.digest == config.network.digest


@pytest.mark.parametrize(("name", "least"), [("mnist-net", 0.98), ("cifar10-net", 0.7)])
def test_samples_are_recognised(name, least):
    found = samples(name)
    label = run(found.images, load_network(name).network).label
    assert np.mean(label == found.labels) >= least


@pytest.mark.parametrize("name", network_names())
def test_the_first_layer_has_templates(name):
    first = load_network(name).network.layers[0]
    assert isinstance(first, Conv)
    assert any(find_templates(first.spec.weight))
