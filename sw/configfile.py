"""Read an engine configuration: a TOML file (or a name), ``--set`` overrides, and a layer file.

Every command takes the same three options; see :func:`add_arguments`.
"""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .auto import AutoConfig, choose
from .config import EngineConfig
from .config_error import ConfigError, require
from .numeric import IntRange
from .part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig
from .spec import LayerSpec, SpecError, load_layer

__all__ = [
    "CONFIG_FOLDER",
    "add_arguments",
    "check_keys",
    "config_names",
    "from_arguments",
    "load_config",
    "overridden",
    "read_toml",
    "section",
]

CONFIG_FOLDER = Path(__file__).parent / "configs"
_LAYER_KEYS = {"file": "str", "weight_bits": "int"}


def overridden(settings: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """``settings`` with ``key=value`` assignments; keys are dotted, values are TOML."""
    result = {k: dict(v) if isinstance(v, dict) else v for k, v in settings.items()}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        require(bool(separator), f"--set {assignment}: expected key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *sections, last = key.strip().split(".")
        target = result
        for table in sections:
            target = target.setdefault(table, {})
            require(isinstance(target, dict), f"--set {assignment}: {table} is not a table")
        target[last] = value
    return result


def section(cls: type[Any], values: object, where: str) -> Any:
    """Build ``cls`` from a TOML table, refusing unknown keys and wrong types."""
    require(isinstance(values, dict), f"{where} must be a table")
    assert isinstance(values, dict)
    check_keys(values, {f.name: f.type for f in dataclasses.fields(cls)}, f"{where}.")
    return cls(**values)


def check_keys(values: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse a table with keys that are not ``known`` (name to type), or values of another type."""
    for key, value in values.items():
        require(
            key in known,
            f"unknown key {prefix}{key}; known: {', '.join(prefix + k for k in sorted(known))}",
        )
        kinds = {"int": int, "bool": bool, "str": str, "float": float}
        kind = kinds.get(known[key])
        right = kind is None or (
            isinstance(value, kind) and (kind is bool) == isinstance(value, bool)
        )
        require(right, f"{prefix}{key} must be of type {known[key]}, not {value!r}")


def _build(settings: dict[str, Any], *, folder: Path, model: Path | None) -> EngineConfig:
    values = dict(settings)
    layer_table = values.pop("layer", {})
    require(isinstance(layer_table, dict), "layer must be a table")
    check_keys(layer_table, _LAYER_KEYS, "layer.")
    wish = _wish(values.pop("auto")) if "auto" in values else None
    known = {f.name: f.type for f in dataclasses.fields(EngineConfig)}
    check_keys(values, known)
    require("name" in values, "missing key name")
    if model is None:
        require("file" in layer_table, "missing key layer.file, and no --model was given")
        model = folder / str(layer_table["file"])
    require(
        model.suffix != ".onnx",
        f"{model} is the model of a network, but this is the configuration of a layer (use a "
        "network's, which has the key model)",
    )
    layer = load_layer(model, weight_bits=layer_table.get("weight_bits"))
    if isinstance(values.get("templates"), list):
        values["templates"] = tuple(values["templates"])
    if layer.bias is not None and "bias_bits" not in values:
        magnitude = max(int(np.abs(layer.bias).max()), 1)
        values["bias_bits"] = IntRange(-magnitude, magnitude).bits
    automatic = values.get("strategy") == "auto"
    if automatic:
        require(wish is not None, "strategy = auto: the table auto says what is wished for")
        require("fold" not in values, "fold is what strategy = auto chooses: leave it out")
        values |= {"strategy": "direct", "fold": _smallest_fold(layer)}
    config = EngineConfig(
        **values
        | {
            "layer": layer,
            "fold": section(FoldConfig, values.get("fold", {}), "fold"),
            "lanes": section(LanesConfig, values.get("lanes", {}), "lanes"),
            "table": section(TableConfig, values.get("table", {}), "table"),
            "output": section(OutputConfig, values.get("output", {}), "output"),
        }
    )
    return choose(config, wish) if automatic and wish is not None else config


def _smallest_fold(layer: LayerSpec) -> dict[str, int]:
    """One that every layer can have until its own is chosen."""
    return {"channels": layer.channels, "taps": layer.taps}


def _wish(values: object) -> AutoConfig:
    """The table ``auto``; TOML's keys are text, and its lists are no tuples."""
    require(isinstance(values, dict), "auto must be a table")
    assert isinstance(values, dict)
    found = dict(values)
    if isinstance(found.get("rate"), int):
        found["rate"] = float(found["rate"])
    if "strategies" in found:
        require(isinstance(found["strategies"], list), "auto.strategies must be a list")
        found["strategies"] = tuple(found["strategies"])
    rates = found.get("hit_rates", {})
    require(isinstance(rates, dict), "auto.hit_rates must be a table")
    for entries, rate in rates.items():
        require(
            entries.isdecimal() and isinstance(rate, int | float),
            f"auto.hit_rates: expected entries = hit rate, not {entries} = {rate!r}",
        )
    found["hit_rates"] = {int(entries): float(rate) for entries, rate in rates.items()}
    return section(AutoConfig, found, "auto")


def config_names() -> list[str]:
    """The named configurations."""
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.toml"))


def load_config(
    config: str, *, model: Path | None = None, assignments: Sequence[str] = ()
) -> EngineConfig:
    """A configuration by name or by the path of a ``.toml`` file.

    Parameters
    ----------
    config : str
        A name of :func:`config_names`, or a path that ends in ``.toml``.
    model : Path, optional
        A layer file that replaces the configuration's layer.
    assignments : sequence of "key=value"
        Overrides, applied last; keys are dotted (``table.entries=64``).

    Raises
    ------
    ConfigError
        If the file, a key or a value is wrong, or the layer is.
    """
    path = Path(config) if config.endswith(".toml") else CONFIG_FOLDER / f"{config}.toml"
    if not path.is_file():
        if config.endswith(".toml"):
            raise ConfigError(f"{config}: no such configuration file")
        raise ConfigError(
            f"unknown configuration {config!r}; known: {', '.join(config_names())}, "
            "or the path of a .toml file"
        )
    settings = read_toml(path)
    try:
        settings = overridden(settings, assignments)
        return _build(settings, folder=path.parent, model=model)
    except SpecError as error:
        raise ConfigError(str(error)) from error
    except (ConfigError, TypeError) as error:
        where = f"{path} with --set {' '.join(assignments)}" if assignments else path
        raise ConfigError(f"{where}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable TOML file: {error}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``, ``--model`` and ``--set``, the same for every command."""
    from .network.configfile import network_names  # noqa: PLC0415 (it reads files as this does)

    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME|FILE.toml",
        help=f"what to build: {', '.join(config_names())}, or your own file; where a command takes "
        f"networks, {', '.join(network_names())} too",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a layer file (.npz) that replaces the configuration's layer, or a model (.onnx) that "
        "replaces a network's; other settings stay",
    )
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, for instance table.entries=64; may be given again",
    )


def from_arguments(arguments: argparse.Namespace) -> EngineConfig:
    """The configuration that parsed :func:`add_arguments` options describe."""
    return load_config(arguments.config, model=arguments.model, assignments=arguments.assignments)
