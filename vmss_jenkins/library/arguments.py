"""Check the arguments of the public functions where they enter: an empty text is a mistake, never a default."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

from vmss_jenkins.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")

_WANTED = {"str": "a text", "bool": "True or False", "float": "a number of seconds above 0", "int": "a whole number"}
"""What is allowed for a parameter of a type, as messages say it."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that are empty or of another type than the parameter, before the function does anything.

    Raises:
        ConfigError: by the function that is returned; it names the first such argument.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        bound = signature.bind(*arguments, **options)
        for name, value in bound.arguments.items():
            for reason in _faults(value, str(signature.parameters[name].annotation)):
                raise ConfigError(name, [reason])
        return function(*arguments, **options)

    return call


def _faults(value: object, annotation: str) -> Iterator[str]:
    """What is wrong with an argument."""
    types = [one.strip() for one in annotation.split("|")]
    if value is None and "None" in types:
        return
    texts = [value] if isinstance(value, str) else [one for one in _members(value) if isinstance(one, str)]
    if any(not text.strip() for text in texts):
        default = "; give a value, or leave it out" if "None" in types else "; give a value"
        yield f"it is empty{default}" if isinstance(value, str) else "one of its values is empty; give each a value"
    scalar = types[0] if types[0] in _WANTED and len([one for one in types if one != "None"]) == 1 else ""
    if scalar and not _is(value, scalar):
        yield f"found {value!r}; wanted {_WANTED[scalar]}"


def _members(value: object) -> list[object]:
    """The values in a list; an iterator is not touched, since it can be read only once."""
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else []


def _is(value: object, scalar: str) -> bool:
    """Whether a value is of a scalar type; a truth value is no number."""
    if scalar == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
    if scalar == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if scalar == "bool" else str)
