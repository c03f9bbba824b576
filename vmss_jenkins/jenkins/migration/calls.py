"""The calls of the plugin's steps, as a reader found them in a Jenkinsfile or in a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UPDATE = "azureVMSSUpdate"
UPDATE_INSTANCES = "azureVMSSUpdateInstances"
MARKETPLACE = ("publisher", "offer", "sku", "version")
PARAMETERS = {
    UPDATE: ("azureCredentialsId", "resourceGroup", "name", "imageReference"),
    UPDATE_INSTANCES: ("azureCredentialsId", "resourceGroup", "name", "instanceIds"),
}
"""The parameters of each step, all of them required."""

Value = Mapping[str, Any]
"""The value of a parameter. Its `kind` says which other keys it has:

`text`: `text`, a constant. `environment`: `text`, the name of a variable of the build's environment.
`expression`: `text`, Groovy that only a build can evaluate. `parts`: `parts`, values one after another, and `text`.
`map`: `map`, the value of each key, and `rest`, the Groovy map that may hold more keys, if there is one.
"""


@dataclass(frozen=True)
class Call:
    """One call of a step of the plugin."""

    step: str
    """`azureVMSSUpdate` or `azureVMSSUpdateInstances`."""
    line: int
    """The line in the file, from 1."""
    given: Mapping[str, Value]
    """The value of each parameter that is written in the file."""
    rest: str = ""
    """The Groovy map that holds the other parameters; empty if there is none."""
    varies: tuple[str, ...] = ()
    """The parameters that change from one round of a loop to the next, and the file does not show how."""
    listed: tuple[str, ...] = ()
    """The parameters that change from round to round as the file shows: there is a call for each round."""
    caught: bool = False
    """Whether a `try`, `catchError` or `warnError` catches the failure, and the build continues."""
    freestyle: bool = False
    """Whether it is a build step of a freestyle job."""

    def value(self, parameter: str) -> Value:
        """Return the value of a parameter; for one that is not written, the Groovy that has it or its name."""
        missing = f"{self.rest}.{parameter}" if self.rest else parameter
        return self.given.get(parameter, {"kind": "expression", "text": missing})

    @property
    def loops_over_sets(self) -> bool:
        """Whether it updates other scale sets in other rounds of a loop, and the file does not show which."""
        return "name" in self.varies or "resourceGroup" in self.varies

    @property
    def loops_over_ids(self) -> bool:
        """Whether it updates other instances of the same scale set in other rounds of a loop."""
        changing = {*self.varies, *self.listed}
        return "instanceIds" in changing and not changing & {"name", "resourceGroup"}

    @property
    def image(self) -> Mapping[str, Value]:
        """The keys of the image reference that have a value; empty if the reference is no map in the file."""
        entries: Mapping[str, Value] = self.given.get("imageReference", {}).get("map", {})
        return {key: one for key, one in entries.items() if key != "$class" and one != {"kind": "text", "text": ""}}


@dataclass(frozen=True)
class Mention:
    """A place in a file."""

    line: int
    name: str
    """The step, its class or the cloud that is named there."""


@dataclass(frozen=True)
class Reading:
    """What was read from one file."""

    calls: tuple[Call, ...]
    unread: tuple[Mention, ...] = ()
    """Where a step is named outside the calls."""
    clouds: tuple[Mention, ...] = ()
    """Where a cloud other than the public one is named."""


def rest_of_image(reference: Value) -> Value:
    """The id in an image reference of which another Groovy map, `rest`, holds a part."""
    return {"kind": "expression", "text": f"{reference['rest']}.id"}


def leaves(value: Value) -> Iterator[Value]:
    """Return the values that a value is composed of."""
    if value["kind"] == "map":
        for one in value["map"].values():
            yield from leaves(one)
        if "rest" in value:
            yield rest_of_image(value)
    elif value["kind"] == "parts":
        for one in value["parts"]:
            yield from leaves(one)
    else:
        yield value
