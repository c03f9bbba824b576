"""Settings of a scenario as text, for the command line: `mode=Rolling`, `zones=[1, 2]`, `core-quota=4`."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from vmss_jenkins.emulator.scenario import scenario as scenarios
from vmss_jenkins.emulator.scenario import set_spec
from vmss_jenkins.emulator.scenario.scenario import Scenario

_NOT_AS_TEXT = ("releases", "more_sets", "role")


def with_settings(scenario: Scenario, settings: Iterable[str]) -> Scenario:
    """Return the scenario with settings of the form NAME=VALUE: the name of a field and a value in YAML.

    Raises:
        ValueError: No field has that name, or the value does not fit; the message says which.
    """
    hints = typing.get_type_hints(Scenario, vars(set_spec) | vars(scenarios) | {"Mapping": Mapping})
    fields = {name: hints[name] for name in Scenario.__dataclass_fields__ if name not in _NOT_AS_TEXT}
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        field = name.strip().replace("-", "_")
        if not equals or field not in fields:
            raise ValueError(f"{setting!r} is not a setting NAME=VALUE; the names are: {', '.join(sorted(fields))}")
        values[field] = _read(setting, fields[field], text)
    return replace(scenario, **values)


def _read(setting: str, kind: Any, text: str) -> Any:  # noqa: ANN401 - a type, and a value of it
    adapter = TypeAdapter(kind, config=ConfigDict(coerce_numbers_to_str=True))
    try:
        return adapter.validate_python(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"the value of {setting!r} is not YAML: {error}") from None
    except ValidationError as error:
        reasons = "; ".join(str(one["msg"]) for one in error.errors(include_url=False))
        raise ValueError(f"the value of {setting!r} does not fit: {reasons}") from None
