"""Templates as pure values: expressions, parameters, the order of resources, and errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.emulator.resources.template_expressions import TemplateError, evaluated
from vmss_jenkins.emulator.resources.templates import Scope, order, outputs, plan
from vmss_jenkins.emulator.state.deployment import Plan

SCOPE = Scope("s-1", "group", "westus", "t-1")
GROUP = "/subscriptions/s-1/resourceGroups/group"
OTHER = "/subscriptions/s-1/resourceGroups/other"


def planned(resources: Any = (), parameters: Any = None, **parts: Any) -> Plan:
    return plan({"resources": list(resources), **parts}, parameters or {}, SCOPE)


def nothing(resource_id: str) -> dict[str, Any]:
    raise AssertionError(f"{resource_id} is not referred to")


def resource(name: str = "n", kind: str = "N.S/kinds", **parts: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "apiVersion": "2024-01-01", **parts}


def value(expression: Any, **parts: Any) -> Any:
    return outputs(planned(outputs={"x": {"type": "object", "value": expression}}, **parts), nothing)["x"]["value"]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("plain", "plain"),
        ("[[kept]", "[kept]"),
        ("[concat('a', 'b''c', 1)]", "ab'c1"),
        ("[concat(createless)]", None),
        ("[resourceId('N.S/kinds', 'x')]", f"{GROUP}/providers/N.S/kinds/x"),
        ("[resourceId('N.S/kinds/parts', 'x', 'y')]", f"{GROUP}/providers/N.S/kinds/x/parts/y"),
        ("[resourceId('N.S/kinds/', 'x')]", f"{GROUP}/providers/N.S/kinds/x"),
        ("[resourceId('other', 'N.S/kinds/parts/', 'x', 'y')]", f"{OTHER}/providers/N.S/kinds/x/parts/y"),
        ("[resourceId('other', 'N.S/kinds', 'x')]", "/subscriptions/s-1/resourceGroups/other/providers/N.S/kinds/x"),
        ("[resourceId('s-2', 'other', 'N.S/k', 'x')]", "/subscriptions/s-2/resourceGroups/other/providers/N.S/k/x"),
        ("[resourceGroup().location]", "westus"),
        ("[subscription().SubscriptionId]", "s-1"),
        ("[variables('list')[1].name]", "two"),
        ("[ToUpper(parameters('P'))]", "GIVEN"),
        ("[parameters('d')]", "default"),
        ({"deep": ["[int('7')]"]}, {"deep": [7]}),
    ],
)
def test_an_expression_is_evaluated(expression: Any, result: Any) -> None:
    variables = {"list": ["one", {"name": "[concat('t', 'wo')]"}]}
    parameters = {"p": {"type": "string"}, "d": {"type": "string", "defaultValue": "[concat('def', 'ault')]"}}
    if result is None:
        with pytest.raises(TemplateError, match="cannot be evaluated"):
            value(expression)
    else:
        given_values = {"p": {"value": "given"}}
        made = plan(
            {
                "resources": [],
                "variables": variables,
                "parameters": parameters,
                "outputs": {"x": {"type": "string", "value": expression}},
            },
            given_values,
            SCOPE,
        )
        found = outputs(made, nothing)
        assert found["x"]["value"] == result


def test_a_string_that_does_not_end_in_a_bracket_is_not_an_expression() -> None:
    assert evaluated("[concat('a')", {}) == "[concat('a')"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("[]", "it ends too early"),
        ("[concat('a']", "it ends too early"),
        ("[concat('a' 'b')]", "',' is expected instead of ''b''"),
        ("[concat('a'))]", "is not expected"),
        ("[concat('a') $]", "cannot be read from"),
        ("[guess('a')]", "the template function 'guess' is not known to the emulator; it knows "),
        ("[resourceGroup().nothing]", "there is no 'nothing'"),
        ("[toLower()]", "'toLower' does not take these arguments"),
        ("[variables('nothing')]", "The template variable 'nothing' is not found"),
        ("[parameters('nothing')]", "The template parameter 'nothing' is not found"),
        ("[resourceId('x')]", "resourceId needs a resource type"),
        ("[resourceId('N.S/kinds//', 'x')]", "resourceId needs a resource type"),
        ("[resourceId('N.S/', 'x')]", "resourceId needs a resource type"),
        (f"[{'concat(' * 60}'a'{')' * 60}]", "it is nested too deeply"),
    ],
)
def test_the_error_of_an_expression_names_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        value(expression)
    assert reason in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_template_error(text: str) -> None:
    try:
        value(f"[{text}]")
    except TemplateError as error:
        assert str(error)  # noqa: PT017 - any text may also be a valid expression


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ({}, "'resources' of the template must be an array"),
        ({"resources": [1]}, "'resources' of the template must be an array"),
        ({"resources": [], "variables": []}, None),
        ({"resources": [], "variables": [1]}, "'variables' of the template must be an object"),
        ({"resources": [{"name": "n"}]}, "lacks the required property 'type'"),
        ({"resources": [resource(copy={"count": 2})]}, "does not understand 'copy'"),
        ({"resources": [resource("a/b")]}, "as many names as its type has segments"),
        ({"resources": [resource(), resource()]}, "is defined multiple times"),
        ({"resources": [resource(dependsOn=["x"])]}, "The resource 'x' is not defined in the template"),
        ({"resources": [resource("a", dependsOn=["b"]), resource("b", dependsOn=["a"])]}, "Circular dependency"),
        ({"resources": [], "parameters": {"p": {"type": "string"}}}, "'p' is not provided"),
    ],
)
def test_the_error_of_a_template_names_the_reason(template: Any, reason: str | None) -> None:
    if reason is None:
        plan(template, {}, SCOPE)
        return
    with pytest.raises(TemplateError) as refused:
        plan(template, {}, SCOPE)
    assert reason in str(refused.value)


def test_an_undeclared_parameter_is_refused() -> None:
    with pytest.raises(TemplateError, match="'q' is not defined"):
        planned(parameters={"q": {"value": 1}})


def test_secrets_are_not_shown_among_the_parameters() -> None:
    declared = {"open": {"type": "string"}, "secret": {"type": "secureString"}}
    found = plan({"resources": [], "parameters": declared}, {n: {"value": "v"} for n in declared}, SCOPE)
    assert found.parameters == {"open": {"type": "String", "value": "v"}}


@pytest.mark.parametrize(
    "named", ["a", "N.S/kinds/a", "[resourceId('N.S/kinds', 'a')]", f"{GROUP}/providers/n.s/kinds/A"]
)
def test_a_dependency_is_named_by_name_type_or_id(named: str) -> None:
    found = planned([resource("b", dependsOn=[named]), resource("a")])
    in_order = order(found)
    (first,) = in_order.get_ready()
    assert first.endswith("/kinds/a")
    in_order.done(first)
    (second,) = in_order.get_ready()
    assert second.endswith("/kinds/b")


@pytest.mark.parametrize(("written", "shown"), [("VMSS", "vmss"), ("VmId", "vmId"), ("VMId", "vmId"), ("id", "id")])
def test_the_names_of_outputs_are_written_as_azure_answers_them(written: str, shown: str) -> None:
    found = planned(outputs={written: {"type": "object", "value": "[reference('a')]"}}, resources=[resource("a")])
    assert outputs(found, lambda of: {"of": of}) == {
        shown: {"type": "Object", "value": {"of": f"{GROUP}/providers/N.S/kinds/a"}}
    }
