"""Read a network's configuration: a TOML file (or a name), overrides, and the model file.

It takes the options of :mod:`sw.configfile`; :func:`is_network` tells the commands which of the two
kinds of configuration they were given.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sw.config_error import ConfigError, require
from sw.configfile import check_keys, overridden, read_toml, section
from sw.part_configs import FoldConfig, LanesConfig, TableConfig
from sw.spec import SpecError

from .config import LayerSettings, NetworkConfig

if TYPE_CHECKING:
    from .onnx_walk import Imported

__all__ = [
    "NETWORK_FOLDER",
    "is_network",
    "load_network",
    "network_from_arguments",
    "network_names",
]

NETWORK_FOLDER = Path(__file__).parent / "configs"
_KEYS = {
    "name": "str",
    "model": "str",
    "rate": "float",
    "board": "str",
    "clock_mhz": "float",
    "counter_bits": "int",
    "layers": "dict",
}
_PARTS = {"fold": FoldConfig, "lanes": LanesConfig, "table": TableConfig}


def network_names() -> list[str]:
    """The named networks."""
    return sorted(path.stem for path in NETWORK_FOLDER.glob("*.toml"))


def is_network(config: str) -> bool:
    """Whether ``config``, a name or the path of a ``.toml`` file, is a network's.

    A network's file has the key ``model``; a layer's has the table ``layer``, or none.
    """
    if not config.endswith(".toml"):
        return config in network_names()
    path = Path(config)
    return path.is_file() and "model" in read_toml(path)


def network_from_arguments(arguments: argparse.Namespace) -> NetworkConfig:
    """The network that the parsed options of :func:`sw.configfile.add_arguments` describe."""
    return load_network(arguments.config, model=arguments.model, assignments=arguments.assignments)


def load_network(
    config: str, *, model: Path | None = None, assignments: Sequence[str] = ()
) -> NetworkConfig:
    """A network's configuration by name or by the path of a ``.toml`` file.

    Parameters
    ----------
    config : str
        A name of :func:`network_names`, or a path that ends in ``.toml``.
    model : Path, optional
        An ONNX file that replaces the configuration's model.
    assignments : sequence of "key=value"
        Overrides, applied last; keys are dotted (``layers.conv1.kernels=4``).

    Raises
    ------
    ConfigError
        If the file, a key or a value is wrong.
    NetworkError
        If the model cannot be imported.
    """
    path = Path(config) if config.endswith(".toml") else NETWORK_FOLDER / f"{config}.toml"
    if not path.is_file():
        known = ", ".join(network_names())
        raise ConfigError(
            f"{config}: no such configuration file"
            if config.endswith(".toml")
            else f"unknown network {config!r}; known: {known}, or the path of a .toml file"
        )
    settings = overridden(read_toml(path), assignments)
    where = f"{path} with --set {' '.join(assignments)}" if assignments else path
    try:
        check_keys(_with_floats(settings), _KEYS)
        require("model" in settings, "missing key model, the network's ONNX file")
        imported = _imported(model or path.parent / str(settings.pop("model")))
        settings.pop("model", None)
        return _build({"name": path.stem} | settings, imported)
    except SpecError:
        raise
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _imported(model: Path) -> Imported:
    try:
        from .onnx_import import import_network  # noqa: PLC0415 (an extra: a layer needs no onnx)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{model}: reading it needs the package {error.name}: pip install 'katazome[onnx]'"
        ) from error
    return import_network(model)


def _with_floats(settings: dict[str, Any]) -> dict[str, Any]:
    """TOML's ``rate = 1000`` is a float that was written short."""
    for key in ("rate", "clock_mhz"):
        if type(settings.get(key)) is int:
            settings[key] = float(settings[key])
    return settings


def _build(settings: dict[str, Any], imported: Imported) -> NetworkConfig:
    layers = settings.pop("layers", {})
    require(isinstance(layers, dict), "layers must be a table of layers' tables")
    found = {name: _layer_settings(values, f"layers.{name}") for name, values in layers.items()}
    return NetworkConfig(
        **settings, network=imported.network, layers=found, remarks=imported.remarks
    )


def _layer_settings(values: object, where: str) -> LayerSettings:
    require(isinstance(values, dict), f"{where} must be a table")
    assert isinstance(values, dict)
    found = dict(values)
    known = {f.name: str(f.type).removesuffix(" | None") for f in dataclasses.fields(LayerSettings)}
    check_keys(found, known, f"{where}.")
    for name, cls in _PARTS.items():
        if name in found:
            found[name] = section(cls, found[name], f"{where}.{name}")
    if isinstance(found.get("templates"), list):
        found["templates"] = tuple(found["templates"])
    try:
        return LayerSettings(**found)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
