"""Configurations of networks: files, overrides, engines, and what is refused."""

import numpy as np
import pytest

from sw.config_error import ConfigError
from sw.network.config import LayerSettings, NetworkConfig, engine_of, output_of
from sw.network.configfile import is_network, load_network, network_names
from sw.network.graph import NetworkError, Requantise
from sw.network.reference import layer_outputs
from sw.numeric import IntRange
from sw.part_configs import FoldConfig, OutputConfig
from sw.reference import run as run_engine
from tests.sw.network.test_graph import conv, network
from tests.sw.network.test_onnx_import import small

TEXT = """
name = "mine"
model = "net.onnx"
rate = 1000
board = "icebreaker"
[layers.conv1]
build = "engine"
strategy = "direct"
fold = {kernels = 2}
[layers.dense1]
kernels = 4
"""


@pytest.fixture
def file(tmp_path):
    small(np.random.default_rng(1)).save(tmp_path / "net.onnx")
    (tmp_path / "net.toml").write_text(TEXT)
    return tmp_path / "net.toml"


def test_a_file(file):
    assert is_network(str(file))
    config = load_network(str(file), assignments=["layers.dense1.kernels=7", "clock_mhz=24"])
    assert (config.name, config.rate, config.board) == ("mine", 1000.0, "icebreaker")
    assert config.clock_mhz == 24.0
    conv1, pool1, conv2, dense1, _ = config.network.layers
    assert config.settings(dense1) == LayerSettings(kernels=7)
    assert config.settings(conv2) == config.settings(pool1) == LayerSettings()
    assert config.settings(conv1).fold == FoldConfig(kernels=2)
    assert config.engine(conv1).strategy == "direct"
    assert config.engine(conv2).strategy == "value_cam"


def test_another_model_takes_the_files_place(file, tmp_path):
    other = small(np.random.default_rng(2)).save(tmp_path / "other.onnx")
    found = load_network(str(file), model=other).network
    assert found.digest != load_network(str(file)).network.digest


def test_layers_are_no_networks(tmp_path):
    assert not is_network("tiny")
    assert not is_network(str(tmp_path / "missing.toml"))
    (tmp_path / "layer.toml").write_text('name = "x"\n[layer]\nfile = "x.npz"\n')
    assert not is_network(str(tmp_path / "layer.toml"))
    assert all(is_network(name) for name in network_names())


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("rate=-1.0", "rate must be above 0, not -1.0"),
        ('rate="fast"', "rate must be of type float, not 'fast'"),
        ("clock_mhz=0.5", "clock_mhz must be 1 to 1000"),
        ("counter_bits=8", "counter_bits must be 16 to 64, not 8"),
        ("speed=3", "unknown key speed; known: board, clock_mhz"),
        (
            "layers.conv3.kernels=1",
            "layers.conv3: the network has no such layer; it has conv1",
        ),
        ("layers.conv1.kernels=1", "layers.conv1: kernels: an engine has none"),
        ("layers.dense1.kernels=0", "layers.dense1: kernels must be 1 to 4096, not 0"),
        ("layers.dense1.kernels=8", "layers.dense1: kernels must be 1 to 7, not 8"),
        ("layers.dense1.spare_rows=-1", "layers.dense1: spare_rows must be 0 to 4096, not -1"),
        ("layers.dense1={skip_zeros=true,kernels=7}", "skip_zeros: with all 7 kernels at once"),
        ("layers.dense1={skip_zeros=true,channels=3}", "skip_zeros: channels must divide the"),
        ("layers.pool1.skip_zeros=true", "skip_zeros: Pool layers have no such setting"),
        ("layers.dense1.skip_zeros=1", "layers.dense1.skip_zeros must be of type bool"),
        (
            "layers.dense1.strategy=direct",
            "strategy: Dense layers have no such setting",
        ),
        ('layers.dense1={build="engine"}', "build = engine: Dense layers have no engine"),
        ("layers.pool1.kernels=1", "kernels: Pool layers have no such setting (they"),
        (
            "layers.argmax.channels=1",
            "channels: ArgMax layers have no such setting (they",
        ),
        ("layers.conv2.build=logic", "build must be auto, engine or macs, not 'logic'"),
        ("layers.conv2.size=1", "unknown key layers.conv2.size"),
        ("layers.conv1.strategy=guess", "strategy must be value_cam, direct"),
        ("layers.conv1.fold.kernels=99", "fold.kernels must be at most 5"),
        ("layers.conv1=3", "layers.conv1 must be a table"),
        ("model=missing.onnx", "missing.onnx: no such model file"),
    ],
)
def test_what_is_refused(file, assignment, message):
    with pytest.raises((ConfigError, NetworkError)) as refusal:
        load_network(str(file), assignments=[assignment])
    assert message in str(refusal.value)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_network(str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigError, match="unknown network 'lenet'; known: "):
        load_network("lenet")
    (tmp_path / "net.toml").write_text('name = "x"\n')
    with pytest.raises(ConfigError, match="missing key model"):
        load_network(str(tmp_path / "net.toml"))


def factors(shift, limits, *, multiplier=1):
    return Requantise(multiplier=np.full(3, multiplier), shift=shift, limits=IntRange(*limits))


@pytest.mark.parametrize(
    ("requantise", "output"),
    [
        (None, OutputConfig(kind="exact")),
        (factors(7, (0, 255)), OutputConfig(kind="requantise", bits=8, signed=False, shift=7)),
        (factors(7, (0, 127)), OutputConfig(kind="requantise", bits=7, signed=False, shift=7)),
        (factors(0, (-8, 7)), OutputConfig(kind="requantise", bits=4, signed=True, shift=0)),
        (
            factors(20, (-8, 7), multiplier=77),
            OutputConfig(kind="requantise", bits=4, signed=True, shift=20, scale_bits=7),
        ),
        (factors(7, (0, 100)), None),
        (factors(7, (-3, 252)), None),
        (factors(48, (0, 255)), None),
        (factors(20, (0, 255), multiplier=1 << 16), None),
    ],
)
def test_outputs_of_engines(requantise, output):
    assert output_of(requantise) == output


@pytest.mark.parametrize("limits", [(0, 255), (0, 99)])
def test_an_engine_computes_what_the_layer_says(limits):
    layer = conv(requantise=factors(9, limits, multiplier=3))
    frames = np.random.default_rng(3).integers(0, 256, (4, 2, 6, 7))
    engine = engine_of(layer, LayerSettings())
    found = run_engine(frames, engine)
    if engine.output.kind == "exact":  # the network's requantiser follows
        layer = conv(requantise=None)
    assert np.array_equal(found, layer_outputs(frames, layer))


def test_settings_of_layers_that_are_not_there():
    with pytest.raises(ConfigError, match="no convolution: it has no engine"):
        NetworkConfig(name="x", network=network()).engine(network().layers[1])
