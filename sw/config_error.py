"""What is wrong with a configuration: the error, and the checks that raise it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ConfigError", "require", "require_one_of", "require_within"]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the file, the field and the remedy."""


def require(condition: bool, message: str) -> None:
    """Raise :class:`ConfigError` with ``message`` unless ``condition``."""
    if not condition:
        raise ConfigError(message)


def require_within(name: str, value: int, low: int, high: int) -> None:
    """Raise :class:`ConfigError` unless the field's value is ``low`` to ``high``."""
    require(low <= value <= high, f"{name} must be {low} to {high}, not {value}")


def require_one_of(name: str, value: object, known: Sequence[str]) -> None:
    """Raise :class:`ConfigError` unless the field's value is one of the two or more ``known``."""
    names = f"{', '.join(known[:-1])} or {known[-1]}"
    require(value in known, f"{name} must be {names}, not {value!r}")
