"""The commands, the vmss.yaml and the faults of calls of the plugin's steps."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from vmss_jenkins import config
from vmss_jenkins.jenkins.migration.calls import Call, Mention, Reading
from vmss_jenkins.jenkins.migration.commands import commands, configurations
from vmss_jenkins.jenkins.migration.faults import faults, not_understood


def text(value: str) -> dict[str, Any]:
    return {"kind": "text", "text": value}


def environment(name: str) -> dict[str, Any]:
    return {"kind": "environment", "text": name}


def expression(groovy: str) -> dict[str, Any]:
    return {"kind": "expression", "text": groovy}


def parts(*values: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "parts", "text": "(parts)", "parts": list(values)}


def update(line: int = 1, *, caught: bool = False, **image: Any) -> Call:
    given = {"resourceGroup": text("rg"), "name": text("web"), "imageReference": {"kind": "map", "map": image}}
    return Call("azureVMSSUpdate", line, given, caught=caught)


def instances(ids: dict[str, Any], line: int = 1, **more: Any) -> Call:
    given = {"resourceGroup": text("rg"), "name": text("web"), "instanceIds": ids}
    return Call("azureVMSSUpdateInstances", line, given, **more)


def on(name: dict[str, Any], group: dict[str, Any] | None = None, **more: Any) -> Call:
    given = {"resourceGroup": group or text("rg"), "name": name, "instanceIds": text("*")}
    return Call("azureVMSSUpdateInstances", 1, given, **more)


def fault_texts(*calls: Call, clouds: tuple[Mention, ...] = ()) -> str:
    return "\n".join(fault.text for fault in faults(Reading(calls, clouds=clouds)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (update(id=text("/x/$IMAGE")), '--image-id=/x/"${IMAGE}"'),
        (update(id=environment("IMAGE")), '--image-id="$IMAGE"'),
        (update(id=text("$(touch ran)")), "--image-id='$(touch ran)'"),
        (update(id=text(""), publisher=text("p"), offer=text("o"), sku=environment("S"), version=text("v")),
         '--image=p:o:"$S":v'),
        (update(publisher=text("p"), offer=text("o"), sku=text("s")), "--image=p:o:s:FILL-IN"),
        (update(), "--image-id=FILL-IN"),
        (update(id=expression("find()")), '--image-id="$FIND"'),
        (update(id=parts(text("/x/"), environment("N"))), '--image-id=/x/"$N"'),
        (instances(text(" 0, 1,,0")), "--instance-ids=0,1"),
        (instances(text("*")), "--instance-ids='*'"),
        (instances(text("$IDS")), '--instance-ids="${IDS}"'),
        (instances(expression("i"), varies=("instanceIds",)), '--instance-ids="$INSTANCE_IDS"'),
    ],
)  # fmt: skip
def test_a_call_becomes_a_command_line_in_which_only_variables_are_expanded(call: Call, words: str) -> None:
    assert commands([call])[0].line.endswith(f" --resource-group=rg --name=web {words}")


def test_each_distinct_expression_has_a_variable_of_its_own_with_a_legend() -> None:
    first, again = commands([on(parts(expression("prefix"), expression("next()"))), on(expression("next()"))])
    assert '--name="$PREFIX""$NEXT"' in first.line
    assert first.legend == {"PREFIX": "the value of prefix", "NEXT": "the value of next()"}
    assert '--name="$NEXT"' in again.line
    assert again.legend == {"NEXT": "the value of next()"}


def test_a_variable_of_the_environment_keeps_its_name_and_needs_no_legend() -> None:
    (found,) = commands([on(text("web"), parts(text("rg-"), environment("REGION")))])
    assert '--resource-group=rg-"$REGION"' in found.line
    assert found.legend == {}


@pytest.mark.parametrize(
    ("groovy", "name"),
    [
        ("blueVmss", "BLUE_VMSS"),
        ("config.name", "CONFIG_NAME"),
        ("path", "PATH_2"),
        ("region", "REGION_2"),
        ("image", "IMAGE_2"),
        ("3 + n", "VALUE_3_N"),
        ("sh(script: 'az image show --name x --query id', returnStdout: true)", "SH_SCRIPT_AZ_IMAGE_SHOW_NAME_X"),
    ],
)
def test_the_variable_of_an_expression_is_named_after_it_and_is_no_other_variable(groovy: str, name: str) -> None:
    (found, *_) = commands([on(expression(groovy), environment("REGION")), update(id=text("$IMAGE"))])
    assert found.legend == {name: f"the value of {groovy}"}
    assert f'--name="${name}"' in found.line


def test_two_expressions_never_share_a_variable() -> None:
    found = commands([on(expression("a.b")), on(expression("a-b"))])
    assert [one.legend for one in found] == [{"A_B": "the value of a.b"}, {"A_B_2": "the value of a-b"}]


def test_a_parameter_that_is_not_written_is_a_variable_that_says_where_it_comes_from() -> None:
    call = Call("azureVMSSUpdateInstances", 1, {"instanceIds": text("*"), "name": text("web")})
    assert commands([call])[0].legend == {"RESOURCE_GROUP": "resourceGroup, which the call does not give"}
    from_map = Call("azureVMSSUpdate", 1, {"name": text("web")}, rest="config")
    assert commands([from_map])[0].legend == {
        "CONFIG_RESOURCE_GROUP": "the value of config.resourceGroup",
        "CONFIG_IMAGE_REFERENCE": "the value of config.imageReference",
    }
    image = {"kind": "map", "map": {}, "rest": "base"}
    some = Call("azureVMSSUpdate", 1, {"resourceGroup": text("rg"), "name": text("web"), "imageReference": image})
    assert commands([some])[0].line.endswith('--image-id="$BASE_ID"')


def test_in_a_loop_over_sets_the_name_varies_and_the_ids_do_not() -> None:
    (found,) = commands([on(expression("set"), varies=("name",))])
    assert found.line.endswith("--name=\"$SET\" --instance-ids='*'")
    assert found.legend == {"SET": "the value of set; it has another value in each round of the loop"}


def test_the_ids_of_a_loop_over_sets_belong_to_each_set_and_are_not_joined() -> None:
    call = Call(
        "azureVMSSUpdateInstances",
        1,
        {"resourceGroup": text("rg")},
        rest="set",
        varies=("azureCredentialsId", "name", "instanceIds"),
    )
    (found,) = commands([call])
    assert found.line.endswith('--name="$SET_NAME" --instance-ids="$SET_INSTANCE_IDS"')
    assert all(
        meaning.endswith("; it has another value in each round of the loop") for meaning in found.legend.values()
    )
    assert "one instance id after another" not in fault_texts(call)


def test_the_ids_of_a_list_in_a_loop_are_one_list_in_the_file() -> None:
    rounds = [instances(text(one), listed=("instanceIds",)) for one in ("0", "1")]
    assert [found.line.rpartition(" ")[2] for found in commands(rounds)] == ["--instance-ids=0", "--instance-ids=1"]
    assert configurations(rounds)[0]["sets"][0]["instance_ids"] == "0,1"
    assert fault_texts(*rounds).count("a loop calls the step for one instance id after another") == 1
    sets = [
        Call(
            "azureVMSSUpdateInstances",
            1,
            {**rounds[0].given, "name": text(name), "instanceIds": text(id_)},
            listed=loop,
        )
        for loop in [("name", "instanceIds")]
        for name, id_ in (("blue", "0"), ("green", "1"))
    ]
    assert "one instance id after another" not in fault_texts(*sets)
    assert [one["instance_ids"] for one in configurations(sets)[0]["sets"]] == ["0", "1"]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (instances(text("0, 1,")), "have blanks or empty parts, which the plugin sent to Azure unchanged"),
        (instances(text("0,1")), "are fixed, but ids have gaps and change when Azure replaces instances"),
        (
            instances(expression("i"), varies=("instanceIds",)),
            "a loop calls the step for one instance id after another",
        ),
        (on(expression("set"), varies=("name",)), "a loop updates one scale set after another"),
        (on(text("web"), expression("group"), varies=("resourceGroup",)), "a loop updates one scale set after another"),
        (instances(expression("out.take(3)")), "the ids come from out.take(3)"),
        (instances(text("*"), caught=True), "a failure of azureVMSSUpdateInstances is caught here"),
        (update(id=text("x"), sku=text("y")), "imageReference has an id and sku"),
        (update(sku=text("y")), "imageReference has no publisher, offer, version"),
        (update(id=text("x")), "the plugin ignored the id if the scale set had a marketplace image"),
        (update(publisher=text("p"), offer=text("o"), sku=text("s"), version=text("v")), "the plugin removed the id"),
        (update(id=text("x")), "upgrade policy Automatic or Rolling"),
        (update(), "the file does not show the keys of imageReference"),
    ],
)
def test_a_hidden_fault_is_named(call: Call, fault: str) -> None:
    assert fault in fault_texts(call)


@pytest.mark.parametrize("call", [instances(text("*")), instances(text("$IDS")), instances(environment("IDS"))])
def test_all_instances_and_ids_from_the_environment_have_no_fault(call: Call) -> None:
    assert fault_texts(call) == ""


def test_a_loop_over_unknown_sets_says_what_to_write_instead() -> None:
    found = fault_texts(on(expression("set"), varies=("name",)))
    assert "the file does not show which; list the sets in vmss.yaml instead" in found
    assert (
        "or write `['SET-1', 'SET-2'].each { set -> ... }`, with `set` in the call, and run this command again" in found
    )
    assert fault_texts(on(text("blue"), listed=("name",))) == ""


def test_a_loop_over_sets_is_not_called_a_loop_over_ids() -> None:
    assert "one instance id after another" not in fault_texts(on(expression("set"), varies=("name",)))


@pytest.mark.parametrize(
    ("cloud", "words"),
    [
        ("AzureUSGovernment", "VMSS_JENKINS_ENDPOINT=https://management.usgovcloudapi.net"),
        ("chinacloudapi.cn", "VMSS_JENKINS_ENDPOINT=https://management.chinacloudapi.cn"),
        ("AzureGermanCloud", "a cloud that was closed in 2021"),
    ],
)
def test_another_cloud_than_the_public_one_is_reported(cloud: str, words: str) -> None:
    (found,) = faults(Reading((), clouds=(Mention(7, cloud),)))
    assert found.line == 7
    assert cloud in found.text
    assert words in found.text


def test_an_ignored_failure_is_named_at_each_call_but_the_last() -> None:
    reading = Reading((instances(text("*"), 9), update(2, id=text("x"))))
    found = [(fault.line, fault.text) for fault in faults(reading) if "let the build continue" in fault.text]
    assert [line for line, _ in found] == [2]
    assert "continue with line 9" in found[0][1]
    rounds = Reading((on(text("a")), on(text("b"))))
    assert [fault.text for fault in faults(rounds)] == [
        "after a failure here the plugin let the build continue with the next round of the loop; our command stops it"
    ]
    freestyle = Reading((instances(text("*"), 2, freestyle=True), instances(text("*"), 9, freestyle=True)))
    assert faults(freestyle) == ()


@pytest.mark.parametrize("name", ["UpdateInstancesBuilder", "azureVMSSUpdate"])
def test_a_step_outside_a_call_is_named_with_the_call_to_write(name: str) -> None:
    last = "instanceIds" if "Instances" in name else "imageReference"
    assert not_understood(Mention(1, name)).startswith(f"{name} is named here, but not in a call that can be read")
    assert f"name: ..., {last}: ...`" in not_understood(Mention(1, name))


def test_known_values_go_into_the_file_and_unknown_ones_are_to_be_filled_in() -> None:
    calls = [update(id=text("https://a.blob.core.windows.net/b/c.vhd")), instances(text("0, 1"))]
    (found,) = configurations(calls)
    assert found == {
        "jenkins": {"credentials": {"kind": "azure-service-principal", "id": "FILL-IN-AZURE_CREDENTIALS_ID"}},
        "sets": [
            {
                "name": "web",
                "resource_group": "rg",
                "image": "https://a.blob.core.windows.net/b/c.vhd",
                "instance_ids": "0,1",
            }
        ],
    }
    assert config.parse(yaml.safe_dump(found), "vmss.yaml").sets[0].instance_ids == "0,1"
    assert configurations([]) == ()


def test_sets_with_different_unknown_names_stay_apart() -> None:
    calls = [on(expression("blueVmss")), on(parts(text("web "), environment("COLOUR"))), on(expression("blueVmss"))]
    (found,) = configurations(calls)
    assert [one["name"] for one in found["sets"]] == ["FILL-IN-BLUE_VMSS", "FILL-IN-web-COLOUR"]
    assert len(config.parse(yaml.safe_dump(found), "vmss.yaml").sets) == 2


def test_each_credentials_id_has_a_file_of_its_own() -> None:
    ids = ("<a: b>", "c", "<a: b>")
    calls = [Call("azureVMSSUpdateInstances", 1, {"azureCredentialsId": text(id_), "name": text("w")}) for id_ in ids]
    assert [file["jenkins"]["credentials"]["id"] for file in configurations(calls)] == ["<a: b>", "c"]
