"""Read the values of a `RolloutSpec` where they enter: a plain text is taken if its meaning is clear, else refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import InstanceIds
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.selection import Amount, Scope

E = TypeVar("E", bound=Enum)


def amount(name: str, value: object) -> Amount:
    """Read a number of instances: `Amount`, 2, "2" or "25%".

    Raises:
        ConfigError: for anything else; it names the field.
    """
    if isinstance(value, Amount):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ConfigError(name, [f"found {value!r}; wanted a count such as 1, or a percentage from 1% to 100%"])
    try:
        return Amount.parse(str(value))
    except ConfigError as error:
        raise ConfigError(name, error.reasons) from None


def optional_amount(name: str, value: object) -> Amount | None:
    """Read a number of instances that may be left out: None, or "none".

    Raises:
        ConfigError: as `amount`.
    """
    return None if value is None or value == "none" else amount(name, value)


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


def scope(value: object) -> Scope:
    """Read which instances are meant: `Scope`, "*", "0,1" or ["0", "1"].

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(value, Scope):
        return value
    texts = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else []
    if not texts or not all(isinstance(one, str) for one in texts):
        raise ConfigError("scope", [f"found {value!r}; wanted instance ids such as '0,1', or '*' for all"])
    return Scope(InstanceIds.parse(texts))


def release(name: str, value: object) -> Release | None:
    """Read a release that may be left out: an image in any form, or settings of an extension.

    Raises:
        ConfigError: for anything else.
    """
    if value is None or isinstance(value, (ImageReference, ExtensionSettings)):
        return value
    if isinstance(value, (str, Mapping)):
        return ImageReference.read(value)
    raise ConfigError(name, [f"found {value!r}; wanted an image or the settings of an extension"])


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
