"""Read plain values of the public API where they enter; a value of another type is refused in one line."""

from __future__ import annotations

import math
from enum import Enum
from typing import TypeVar

from vmss_jenkins.errors import ConfigError

E = TypeVar("E", bound=Enum)


def choice(name: str, choices: type[E], value: object) -> E:
    """Read one of some values: the member, or its text.

    Raises:
        ConfigError: for another value; it names the field.
    """
    for one in choices:
        if value in (one, one.value):
            return one
    allowed = ", ".join(str(one.value) for one in choices)
    raise ConfigError(name, [f"found {value!r}; wanted one of {allowed}"])


def seconds(name: str, value: object, least: float = 0.0) -> float:
    """Read a number of seconds.

    Raises:
        ConfigError: for anything but a number, and for less than the least one.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not isinstance(value, (int, float)) or not least <= value < math.inf:
        raise ConfigError(name, [f"found {value!r}; wanted seconds, at least {least:g}"])
    return float(value)


def count(name: str, value: object, least: int = 0) -> int:
    """Read a whole number.

    Raises:
        ConfigError: for anything else, and for less than the least one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(name, [f"found {value!r}; wanted a whole number, at least {least}"])
    return value


def flag(name: str, value: object) -> bool:
    """Read a truth value: a text such as "false" is none.

    Raises:
        ConfigError: for anything else.
    """
    if not isinstance(value, bool):
        raise ConfigError(name, [f"found {value!r}; wanted True or False"])
    return value
