"""Read gates that a user wrote: a mapping (vmss.yaml), or one line of words (`--gate`)."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.specs import GATES, AnyGate, Via

KIND = "gate"
"""The key that names the kind."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def gates_from(given: Iterable[str | Mapping[str, object]]) -> tuple[AnyGate, ...]:
    """Read gates, each from a line or a mapping.

    Raises:
        ConfigError: with the faults of all gates, or if there is no gate.
    """
    gates: list[AnyGate] = []
    reasons: list[str] = []
    for one in gate_texts(given):
        try:
            gates.append(gate_from_line(one) if isinstance(one, str) else gate_from_mapping(one))
        except ConfigError as error:  # noqa: PERF203 - each gate has its own faults
            reasons += [f"{error.source}: {reason}" for reason in error.reasons]
    if reasons or not gates:
        raise ConfigError("gates", reasons or ["found no gate; give one such as 'http path=/health'"])
    return tuple(gates)


def gate_texts(
    given: str | Mapping[str, object] | Iterable[str | Mapping[str, object]],
) -> tuple[str | Mapping[str, object], ...]:
    """The gates as given, one a member: a single line or mapping is one gate.

    Raises:
        ConfigError: for a value that is neither.
    """
    members = (given,) if isinstance(given, (str, Mapping)) else tuple(given)
    if wrong := [one for one in members if not isinstance(one, (str, Mapping))]:
        raise ConfigError("gates", [f"found {wrong[0]!r}; wanted gates such as 'http path=/health'"])
    return members


def gate_from_line(line: str) -> AnyGate:
    """Read a gate from one line: its kind, then `key=value` words, quoted as in a shell.

    Example: `http path=/health expect-status=200 expect-text="Welcome to nginx" samples=50`.

    Raises:
        ConfigError: with every fault of the line.
    """
    try:
        kind, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise ConfigError(f"gate {line!r}", [f"{error}; quote as in a shell"]) from error
    pairs = [word.partition("=") for word in words]
    if wrong := [f"found {key!r}; wanted key=value" for key, equals, _ in pairs if not equals]:
        raise ConfigError(f"gate {line!r}", wrong)
    keys = [_canonical(key) for key, _, _ in pairs]
    if doubles := sorted({key for key in keys if keys.count(key) > 1}):
        raise ConfigError(f"gate {line!r}", [f"found {key} more than once" for key in doubles])
    return gate_from_mapping({KIND: kind, **{key: value for key, _, value in pairs}})


def gate_from_mapping(values: Mapping[str, object]) -> AnyGate:
    """Read a gate from a mapping: `gate` names its kind, the other keys are its values.

    Keys may have `-` or `_`; times are seconds or have a unit (`500ms`, `5s`, `2m`); shares are 0.99 or 99%.

    Raises:
        ConfigError: with every fault of the mapping.
    """
    given = {_canonical(key): value for key, value in values.items()}
    kind = str(given.pop(KIND, ""))
    spec = next((spec for spec in GATES if spec.kind == kind), None)
    if spec is None:
        raise ConfigError(f"gate {kind!r}", [f"no gate has this name; wanted {', '.join(spec.kind for spec in GATES)}"])
    known = _keys_of(spec)
    reasons = [f"unknown key {key!r}; known: {', '.join(sorted(known))}" for key in sorted(set(given) - known)]
    read, unread = _read({key: value for key, value in given.items() if key in known})
    reasons += unread
    try:
        gate = spec(**_arguments(spec, read))
    except ConfigError as error:
        raise ConfigError(error.source, [*reasons, *error.reasons]) from None
    if reasons:
        raise ConfigError(f"gate {gate}", reasons)
    return gate


def _read(given: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The values in their types, and the faults of those that could not be read."""
    read: dict[str, Any] = {}
    reasons = []
    for key, value in given.items():
        try:
            read[key] = _KEYS[key][1](value)
        except ValueError as error:  # noqa: PERF203 - each value has its own fault
            reasons.append(f"{key}: found {value!r}; wanted {error}")
    return read, reasons


def _arguments(spec: type[AnyGate], read: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments; nested values keep the default of each part that is not given."""
    arguments: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for key, value in read.items():
        part, *inner = _KEYS[key][0].split(".")
        if inner:
            nested.setdefault(part, {})[inner[0]] = value
        else:
            arguments[part] = value
    return arguments | {part: replace(_default(spec, part), **changes) for part, changes in nested.items()}


def _default(spec: type[AnyGate], part: str) -> Any:  # noqa: ANN401 - one of three types of values
    found = next(candidate for candidate in fields(spec) if candidate.name == part)
    return found.default_factory() if callable(found.default_factory) else found.default


def _keys_of(spec: type[AnyGate]) -> set[str]:
    names = {candidate.name for candidate in fields(spec)}
    return {key for key, (path, _) in _KEYS.items() if path.partition(".")[0] in names}


def _canonical(key: object) -> str:
    return str(key).strip().replace("-", "_")


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("a text")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        return int(value)
    raise ValueError("a whole number")


def _number(value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError("a number")


def seconds_of(value: object) -> float:
    """Read a time: seconds as a number, or a number with ms, s, m or h.

    Raises:
        ValueError: what is wanted.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)\s*", value) if isinstance(value, str) else None
    if found:
        return float(found[1]) * _UNITS[found[2]]
    try:
        return _number(value)
    except ValueError:
        raise ValueError("seconds, such as 5, 500ms, 5s or 2m") from None


def _share(value: object) -> float:
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            return _number(value.strip()[:-1]) / 100
        return _number(value)
    except ValueError:
        raise ValueError("a share, such as 0.99 or 99%") from None


def _percentile(value: object) -> float:
    try:
        return _number(value.strip().removeprefix("p") if isinstance(value, str) else value)
    except ValueError:
        raise ValueError("a percentile, such as 95 or p95") from None


def _states(value: object) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    try:
        return tuple(_whole(part) for part in parts)
    except ValueError:
        raise ValueError("one HTTP status or several, such as 200 or 200,301") from None


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise ValueError(f"a program with its arguments: {error}") from None
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise ValueError("a program with its arguments, as a list or in one text")


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    names = tuple(part.strip() for part in parts if isinstance(part, str))
    if names and all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in names):
        return names
    raise ValueError("names of environment variables")


def _via(value: object) -> Via:
    try:
        return Via(str(value).strip().lower())
    except ValueError:
        raise ValueError(", ".join(via.value for via in Via)) from None


_KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "name": ("name", _text),
    "failed_limit": ("limits.failed", _whole),
    "inconclusive_limit": ("limits.inconclusive", _whole),
    "error_limit": ("limits.error", _whole),
    "steady": ("steady", seconds_of),
    "interval": ("interval", seconds_of),
    "timeout": ("timeout", seconds_of),
    "via": ("via", _via),
    "url": ("url", _text),
    "path": ("path", _text),
    "scheme": ("scheme", _text),
    "port": ("port", _whole),
    "host": ("host", _text),
    "expect_status": ("expect.status", _states),
    "expect_text": ("expect.text", _text),
    "expect_pattern": ("expect.pattern", _text),
    "release_text": ("expect.release_text", _text),
    "rate": ("rate", _number),
    "ssh_user": ("ssh_user", _text),
    "ssh_port": ("ssh_port", _whole),
    "ssh_key": ("ssh_key", _text),
    "ssh_known_hosts": ("ssh_known_hosts", _text),
    "samples": ("samples", _whole),
    "max_samples": ("max_samples", _whole),
    "share": ("share", _share),
    "percentile": ("percentile", _percentile),
    "max_latency": ("max_latency", seconds_of),
    "significance": ("significance", _share),
    "error_margin": ("margins.errors", _share),
    "max_slowdown": ("margins.slowdown", _number),
    "least_slowdown": ("margins.least_slowdown", seconds_of),
    "run": ("run", _words),
    "secrets": ("secrets", _names),
}
"""Key -> the field that it sets, and the function that reads its value."""
