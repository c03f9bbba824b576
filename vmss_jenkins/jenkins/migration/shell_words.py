"""Writes the values of a call as words for the shell, with a variable for each that only a build knows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from vmss_jenkins.jenkins.migration.calls import PARAMETERS, Call, Value, leaves

LONGEST_NAME = 32
"""The most characters of a variable that is named after an expression."""
_REFERENCE = re.compile(r"\$(?:(\w+)|\{([\w.]+)\})", re.ASCII)
_RESERVED = frozenset({"PATH", "HOME", "USER", "SHELL", "PWD", "IFS", "UID", "LANG", "TERM", "PS1"})
"""Names that a shell gives a meaning of its own."""


def variable_names(calls: Iterable[Call]) -> dict[str, str]:
    """Name a variable for each distinct Groovy expression of the calls, after the expression.

    No name is one of the build's environment, or one that the shell needs.
    """
    values = [leaf for call in calls for key in PARAMETERS[call.step] for leaf in leaves(call.value(key))]
    taken = set(_RESERVED)
    for value in values:
        taken |= {value["text"]} if value["kind"] == "environment" else {*_expanded(value["text"])}
    names: dict[str, str] = {}
    for value in values:
        expression = value["text"]
        if value["kind"] == "expression" and expression not in names:
            names[expression] = _free(_name(expression), taken)
            taken.add(names[expression])
    return names


def expressions(values: Iterable[Value], names: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that stand for Groovy expressions of some values, each with its expression."""
    found = (leaf["text"] for value in values for leaf in leaves(value) if leaf["kind"] == "expression")
    return {names[expression]: expression for expression in found}


def word(value: Value, names: Mapping[str, str], *, expands: bool = False) -> str:
    """Write a value as one word for the shell.

    Args:
        value: a value; not a map.
        names: the variable of each expression.
        expands: whether the plugin expands `$NAME` and `${NAME}` in this parameter.
    """
    if value["kind"] == "parts":
        return "".join(word(part, names, expands=expands) for part in value["parts"])
    if value["kind"] == "environment":
        return f'"${value["text"]}"'
    if value["kind"] == "text":
        return _expanding(value["text"]) if expands else shlex.quote(value["text"])
    return f'"${names[value["text"]]}"'


def _expanded(text: str) -> Iterator[str]:
    return (found[1] or found[2] for found in _REFERENCE.finditer(text))


def _expanding(text: str) -> str:
    """Quote a text, but not its references to the environment."""
    words, after = [], 0
    for found in _REFERENCE.finditer(text):
        words += [shlex.quote(text[after : found.start()])] if found.start() > after else []
        words.append(f'"${{{found[1] or found[2]}}}"')
        after = found.end()
    return "".join(words) + (shlex.quote(text[after:]) if after < len(text) or not words else "")


def _name(expression: str) -> str:
    """`blueVmss` is BLUE_VMSS, `config.name` CONFIG_NAME, `next()` NEXT."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", expression)
    name = re.sub(r"[^A-Z0-9]+", "_", parted.upper()).strip("_")
    if len(name) > LONGEST_NAME:
        name = name[:LONGEST_NAME].rpartition("_")[0] or name[:LONGEST_NAME]
    return f"VALUE_{name}".strip("_") if not name or name[0].isdigit() else name


def _free(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
