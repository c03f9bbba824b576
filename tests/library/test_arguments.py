"""Arguments of the public functions are checked where they enter: an empty text is a mistake, never a default."""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from typing import Any

import pytest

import vmss_jenkins
from tests.support.fakes import NEW
from vmss_jenkins import ConfigError, Connection, Pair, RolloutSpec
from vmss_jenkins.library import blue_green, claims, gates, releases, rollout_preview, rollouts, seeding, steps
from vmss_jenkins.library.os_upgrades import governing, hooks
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ExtensionSettings, Script

MODULES = (blue_green, claims, gates, governing, hooks, releases, rollout_preview, rollouts, seeding, steps)
PAIR = Pair("shop-rg", "shop-lb", "blue", "green")
VALID: dict[str, Any] = {
    "resource_group": "canary-rg",
    "name": "web",
    "image_reference": NEW,
    "image": NEW,
    "application": "apps/site/1.0.0",
    "script": Script(ExtensionSettings()),
    "instance_ids": "0",
    "scale_set": None,
    "instances": (),
    "gates": ["http"],
    "pair": PAIR,
    "to": "idle",
    "spec": RolloutSpec(),
    "desired": (),
    "url": "http://127.0.0.1:9",
    "user": "admin",
    "token": "token",
    "path": "vmss.yaml",
    "values": {"name": "web", "resource_group": "canary-rg"},
    "jenkins": {},
}
"""A valid value for each parameter that has no default."""


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the library but the listener that logs."""
    for module in MODULES:
        for name, found in inspect.getmembers(module, inspect.isfunction):
            if found.__module__ == module.__name__ and not name.startswith("_") and name != "log":
                yield f"{module.__name__.rpartition('.')[2]}.{name}", found


FUNCTIONS = dict(public_functions())


def parameters(kind: str) -> list[tuple[str, str]]:
    """Each function with each of its parameters whose type names a kind of value."""
    return [
        (function, parameter.name)
        for function, found in FUNCTIONS.items()
        for parameter in inspect.signature(found).parameters.values()
        if kind in [one.strip() for one in str(parameter.annotation).split("|")]
    ]


@pytest.fixture(autouse=True)
def _no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused too late fails here."""

    def connect(*_: object) -> None:
        raise AssertionError("it connects before it looks at its arguments")

    monkeypatch.setattr(Connection, "connect", connect)


def call(function: str, **given: object) -> None:
    found = FUNCTIONS[function]
    needed = {
        one.name: VALID[one.name]
        for one in inspect.signature(found).parameters.values()
        if one.default is inspect.Parameter.empty
    }
    result = found(**{**needed, **given})
    if isinstance(result, AbstractContextManager):
        with result:
            pass


def test_every_public_name_that_is_a_function_is_walked_over() -> None:
    public = {getattr(vmss_jenkins, name) for name in vmss_jenkins.__all__ if name != "__version__"}
    assert {one for one in public if inspect.isfunction(one)} <= set(FUNCTIONS.values())


@pytest.mark.parametrize("empty", ["", " \n"])
@pytest.mark.parametrize(("function", "name"), parameters("str"))
def test_an_empty_text_is_refused_by_name(function: str, name: str, empty: str) -> None:
    with pytest.raises(ConfigError, match=r"is empty|image reference: ") as raised:
        call(function, **{name: empty})
    assert raised.value.source in {name, "image reference"}


@pytest.mark.parametrize(("function", "name"), parameters("float"))
@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, "60", True])
def test_a_time_is_a_number_above_0(function: str, name: str, wrong: object) -> None:
    with pytest.raises(ConfigError, match="wanted a number of seconds above 0") as raised:
        call(function, **{name: wrong})
    assert raised.value.source == name


@pytest.mark.parametrize(("function", "name"), parameters("bool"))
def test_a_truth_value_is_no_text(function: str, name: str) -> None:
    with pytest.raises(ConfigError, match="found 'false'; wanted True or False"):
        call(function, **{name: "false"})


@pytest.mark.parametrize("function", [name for name, _ in parameters("str") if name.endswith(("roll_out", "verify"))])
def test_an_empty_gate_or_id_among_others_is_refused(function: str) -> None:
    with pytest.raises(ConfigError, match="one of its values is empty"):
        call(function, gates=["http", ""])


@pytest.mark.parametrize("name", [one.name for one in fields(Pair) if str(one.type) == "str" and one.name != "rule"])
def test_a_pair_has_no_empty_name(name: str) -> None:
    empty: dict[str, Any] = {name: " "}
    with pytest.raises(ConfigError, match=f"{name}: it is empty"):
        replace(PAIR, **empty)


@pytest.mark.parametrize("given", [{"subscription": ""}, {"endpoint": " "}])
def test_a_connection_has_no_empty_value(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000")
    with pytest.raises(ConfigError, match=f"{next(iter(given))} is empty"):
        Connection(**given).connect(lambda _: None)


@pytest.mark.parametrize("variable", ["VMSS_JENKINS_ENDPOINT", "AZURE_SUBSCRIPTION_ID"])
def test_an_empty_variable_never_means_the_public_cloud(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "00000000-0000-0000-0000-000000000000")
    monkeypatch.setenv(variable, "")
    with pytest.raises(ConfigError, match=f"the environment variable {variable} is empty"):
        Connection().connect(lambda _: None)


@pytest.mark.parametrize("name", [one.name for one in fields(RolloutSpec)])
@pytest.mark.parametrize("wrong", ["", object(), []])
def test_any_other_value_of_a_spec_is_refused_in_one_line(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        RolloutSpec(**{name: wrong})
    assert str(raised.value).count("\n") == 0 or "image" in str(raised.value)


@pytest.mark.parametrize("image", [NEW.id, "a:b:c:1.2.3", {"id": NEW.id}, NEW])
def test_an_image_is_taken_in_every_form(image: object) -> None:
    assert str(ImageReference.read(image)) in {NEW.id, "a:b:c:1.2.3"}


def test_an_image_of_another_type_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="found 3; wanted an id, publisher:offer:sku:version, or a mapping"):
        ImageReference.read(3)


def test_one_gate_alone_is_one_gate() -> None:
    from vmss_jenkins.gates.parsing import gates_from  # noqa: PLC0415 - beside its only use

    assert gates_from("instance-health") == gates_from(["instance-health"])
    assert gates_from({"gate": "instance-health"}) == gates_from(["instance-health"])
    with pytest.raises(ConfigError, match="found 3; wanted gates"):
        gates_from([3])  # type: ignore[list-item]
