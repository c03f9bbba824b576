"""Groovy's own parser reads the calls: their values, the loops around them, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.test_shared_library import ALL, PART
from tests.support import groovy_harness
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration import groovy_reader
from vmss_jenkins.jenkins.migration.calls import Call, Mention, Reading

needs_groovy = pytest.mark.skipif(groovy_harness.missing() is not None, reason=str(groovy_harness.missing()))

STEPS = ALL.split("{", 2)[2].strip()[:-2]
ON = "azureVMSSUpdateInstances instanceIds: '*', "
LISTS = f"""def sets = [[name: 'blue', group: 'rg1'], [name: 'green', group: 'rg2']]
def groups = [blue: 'rg1', green: 'rg2'], known = groups.keySet()
['blue', params.SET, "x-${{env.N}}"].each {{ {ON} resourceGroup: 'rg', name: "web-$it" }}
for (s in sets) {{ {ON} resourceGroup: s.group, name: s['name'] }}
for (int i = 0; i < sets.size(); i++) {{ def s = sets[i]; {ON} resourceGroup: s.group, name: sets[i].name }}
sets.each {{ azureVMSSUpdateInstances(it + [resourceGroup: it.group, instanceIds: '*']) }}
groups.each {{ name, group -> {ON} resourceGroup: group, name: name }}
for (e in groups) {{ stage("on ${{e.key}}") {{ {ON} resourceGroup: e.value, name: e.key }} }}
for (one in known) {{ {ON} resourceGroup: groups[one], name: one }}
parallel(['blue', 'green'].collectEntries {{ s -> [(s): {{ {ON} resourceGroup: 'rg', name: s }}] }})
[['blue', 'rg1'], ['green', 'rg2']].each {{ name, group -> {ON} resourceGroup: group, name: name }}
[['blue', 'rg1'], ['green', 'rg2']].each {{ def (name, group) = it; {ON} resourceGroup: group, name: name }}
['blue', 'green'].eachWithIndex {{ s, i -> {ON} resourceGroup: "rg$i", name: s }}
['rg1', 'rg2'].each {{ group -> ['blue', 'green'].each {{ {ON} resourceGroup: group, name: it }} }}
groups.values().each {{ {ON} resourceGroup: it, name: 'web' }}
['0', '1'].each {{ azureVMSSUpdateInstances resourceGroup: 'rg', name: 'web', instanceIds: it }}
"""
"""Loops over lists and maps that the text shows, the first in line 3."""
HIDDEN = f"""def grown = ['a'], other = ['a'], first = ['a']
grown.add('b')
found().each {{ azureVMSSUpdateInstances(it) }}
found().each {{ def args = [name: it, resourceGroup: 'rg']; azureVMSSUpdateInstances(args + [instanceIds: '*']) }}
found().each {{ def more = [:]; more.name = it; azureVMSSUpdateInstances([instanceIds: '*'] + more) }}
found().each {{ withEnv(["SET_NAME=$it"]) {{ {ON} resourceGroup: 'rg', name: SET_NAME }} }}
['a', 'b'].each {{ s -> withEnv(["SET_NAME=$s"]) {{ {ON} resourceGroup: 'rg', name: SET_NAME }} }}
['a', 'b'].each {{ stage('x') {{ {ON} resourceGroup: 'rg', name: it }} }}
['a', 'b'].each {{ s -> s += 'x'; {ON} resourceGroup: 'rg', name: s }}
grown.each {{ {ON} resourceGroup: 'rg', name: it }}
['a', *other].each {{ {ON} resourceGroup: 'rg', name: it }}
['a', 'b'].each {{ {ON} resourceGroup: 'rg', name: look(it) }}
[['a'], ['b', 'rg']].each {{ name, group -> {ON} resourceGroup: 'rg', name: name }}
for (int i = 1; i < other.size(); i++) {{ {ON} resourceGroup: 'rg', name: first[i] }}
found().each {{ def args = [name: it]; azureVMSSUpdateInstances([*: args, instanceIds: '*']) }}
for (int i = 0; i < other.size(); i--) {{ {ON} resourceGroup: 'rg', name: first[i] }}
for (int i = 0; i < other.size(); i += 2) {{ {ON} resourceGroup: 'rg', name: first[i] }}
['a', 'b'].each {{ ["$it-x"].each {{ {ON} resourceGroup: 'rg', name: it }} }}
"""
"""Loops whose rounds the text does not show, from line 3 on; the name varies in all of them."""
MANY = f"""def sets = {[f"s{n}" for n in range(100)]}
sets.each {{ s -> {ON} resourceGroup: 'rg', name: s }}
['a', 'b'].each {{ g -> sets.each {{ s -> {ON} resourceGroup: g, name: s }} }}
"""
TEXTS = {
    "blog": PART,
    "declarative": f"pipeline {{ agent any; stages {{ stage('x') {{ steps {{ {STEPS} }} }} }}",
    "receivers": """
def common = [azureCredentialsId: 'azure', resourceGroup: 'web-rg', name: 'web']
steps.azureVMSSUpdate(common + [imageReference: [id: env.IMAGE]])
script.azureVMSSUpdateInstances azureCredentialsId: 'azure', resourceGroup: 'web-rg', name: 'web', instanceIds: '0,1'
this.azureVMSSUpdateInstances([*: common, instanceIds: '*'])
""",
    "library": """
class Deployer implements Serializable {
    def script
    String group = 'web-rg'
    void deploy(Map config) {
        script.azureVMSSUpdate(config + [resourceGroup: group, name: region])
        script.azureVMSSUpdateInstances(config)
    }
}
""",
    "step": """
step([$class: 'UpdateBuilder', name: 'web', imageReference: [$class: 'ImageReference', id: "${params.IMAGE}"]])
step($class: 'com.microsoft.jenkins.vmss.UpdateInstancesBuilder', name: 'web', instanceIds: '*')
step azureVMSSUpdateInstances(name: 'web', instanceIds: '*')
step([$class: 'org.example.UpdateBuilder', name: 'another plugin'])
step([$class: 'JUnitResultArchiver', testResults: '*.xml'])
""",
    "names": """
properties([parameters([string(name: 'SET', defaultValue: 'web')])])
pipeline {
    parameters { choice(name: 'IMAGE', choices: ['a', 'b']) }
    environment { GROUP = 'web-rg' }
    stages { stage('x') { matrix {
        axes { axis { name 'REGION'; values 'east', 'west' } }
        stages { stage('y') { steps { withEnv(['COLOUR=blue']) { withCredentials([string(variable: 'ID')]) { script {
            def prefix = readFile('prefix').trim(), suffix = 'x'
            azureVMSSUpdate azureCredentialsId: ID, resourceGroup: "rg-${REGION}", name: "${prefix}${next()}",
                imageReference: [id: IMAGE]
            azureVMSSUpdateInstances resourceGroup: GROUP, name: "$SET-$COLOUR-$BUILD_NUMBER-$suffix",
                instanceIds: env['IDS'].trim()
        } } } } } }
    } } }
}
""",
    "shadowed": """
def help(REGION, IMAGE, COLOUR, GROUP) { echo REGION }
properties([parameters([string(name: 'IMAGE')])])
pipeline {
    environment { GROUP = 'web-rg' }
    stages { stage('x') { matrix { axes { axis { name 'REGION'; values 'east' } } } } }
}
withEnv(['COLOUR=blue']) {
    azureVMSSUpdate resourceGroup: GROUP, name: "$REGION-$COLOUR", imageReference: [id: IMAGE]
}
""",
    "maps": """
def base = [resourceGroup: 'a', name: 'web'], filled = [name: 'a'], shared = [name: 'a']
filled.put('name', 'b')
shared << [name: 'b']
azureVMSSUpdateInstances(base + [resourceGroup: 'b', instanceIds: '*'])
azureVMSSUpdateInstances resourceGroup: 'rg', name: filled.name, instanceIds: '*'
azureVMSSUpdateInstances resourceGroup: 'rg', name: shared.name, instanceIds: '*'
""",
    "values": """
def group = 'web-rg', image = [id: "/images/${params.IMAGE}"], name = 'web-' + colour(), changed = 'a'
if (params.OTHER) { changed = 'b' }
def options = [resourceGroup: group]
options.name = 'web'
azureVMSSUpdate resourceGroup: group, name: name, imageReference: image
azureVMSSUpdate resourceGroup: options.resourceGroup, name: changed, imageReference: [publisher: 'p', *: image]
azureVMSSUpdateInstances resourceGroup: (group as String), name: "${'web'}-${'x'}", instanceIds: list(
    'a',
    'b')
""",
    "loops": """
['blue', 'green'].each { azureVMSSUpdateInstances name: it, instanceIds: '*' }
for (int i = 0; i < 3; i++) { azureVMSSUpdateInstances name: 'web', instanceIds: "${i}" }
int n = 0
while (n < 3) { def id = ids[n]; azureVMSSUpdateInstances name: 'web', instanceIds: id; n++ }
for (set in sets) { branches[set] = { azureVMSSUpdateInstances(name: "web-$set", instanceIds: '*') } }
retry(3) { azureVMSSUpdateInstances name: 'web', instanceIds: '*' }
3.times { azureVMSSUpdateInstances name: 'web', instanceIds: '*' }
step { azureVMSSUpdateInstances name: it, instanceIds: '*' }
""",
    "lists": LISTS,
    "hidden": HIDDEN,
    "order": f"""
for (s in ['blue', 'green']) {{
    azureVMSSUpdate resourceGroup: 'rg', name: s, imageReference: [id: IMAGE]
    {ON} resourceGroup: 'rg', name: s
}}
{ON} resourceGroup: 'rg', name: 'web'
""",
    "many": MANY,
    "caught": """
try { azureVMSSUpdateInstances instanceIds: '1' } catch (e) { echo "$e" }
try { azureVMSSUpdateInstances instanceIds: '2' } catch (e) { echo "$e"; throw e }
try { azureVMSSUpdateInstances instanceIds: '3' } catch (e) { stage('x') { error 'bad' } }
try { azureVMSSUpdateInstances instanceIds: '4' } catch (e) { if (x) { throw e } }
try { azureVMSSUpdateInstances instanceIds: '5' } catch (IOException e) { echo 'x' } catch (e) { throw e }
try { azureVMSSUpdateInstances instanceIds: '6' } finally { echo 'x' }
catchError { azureVMSSUpdateInstances instanceIds: '7' }
try { azureVMSSUpdateInstances instanceIds: '8' } catch (e) { if (x) { throw e } else { error 'bad' } }
""",
    "unread": """
def update = this.&azureVMSSUpdate
node { "$name"(name: 'web') }
invokeMethod('azureVMSSUpdateInstances', [name: 'web'])
pipelineJob('x') { definition { cps { script('''
node {
    azureVMSSUpdateInstances azureCredentialsId: 'c'
}
''') } } }
step(new com.microsoft.jenkins.vmss.UpdateBuilder())
""",
    "silent": """
// azureVMSSUpdate name: 'a comment'
/* azureVMSSUpdateInstances(name: 'another') */
echo 'azureVMSSUpdate'
stage('azureVMSSUpdate') { azureVMSSUpdateInstances name: 'web', instanceIds: '*' }
error "azureVMSSUpdate failed"
sh 'echo after azureVMSSUpdate'
""",
    "clouds": """
sh 'az cloud set --name AzureUSGovernment'
sh '''
az cloud set --name AzureChinaCloud
az cloud set --name AzureUSGovernment
'''
// AzureGermanCloud
""",
    "broken": "node { a = = }",
}


@pytest.fixture(scope="module")
def answers() -> dict[str, Reading | str]:
    """All texts, read by one run of Groovy, since it takes a second to start."""
    return dict(zip(TEXTS, groovy_reader.read(list(TEXTS.values())), strict=True))


def calls(answers: dict[str, Reading | str], name: str) -> Sequence[Call]:
    answer = answers[name]
    assert isinstance(answer, Reading), answer
    return answer.calls


def shown(value: Any) -> str:
    """A value in short: text, $ENVIRONMENT, <expression>."""
    if value["kind"] == "parts":
        return "".join(map(shown, value["parts"]))
    if value["kind"] == "map":
        return ",".join(f"{key}={shown(one)}" for key, one in value["map"].items())
    return {"text": "{}", "environment": "${}", "expression": "<{}>"}[value["kind"]].format(value["text"])


def given(call: Call) -> dict[str, str]:
    return {key: shown(value) for key, value in call.given.items()}


@needs_groovy
def test_scripted_and_declarative_pipelines_are_read(answers: dict[str, Reading | str]) -> None:
    assert [call.step for call in calls(answers, "blog")] == ["azureVMSSUpdate", "azureVMSSUpdateInstances"]
    assert given(calls(answers, "blog")[0])["imageReference"] == "id=$updated_image_id"
    assert [given(call)["instanceIds"] for call in calls(answers, "declarative")] == ["*"]


@needs_groovy
def test_a_call_on_any_receiver_is_read_with_the_parameters_of_maps(answers: dict[str, Reading | str]) -> None:
    common = {"azureCredentialsId": "azure", "resourceGroup": "web-rg", "name": "web"}
    assert [(call.line, given(call), call.rest) for call in calls(answers, "receivers")] == [
        (3, {**common, "imageReference": "id=$IMAGE"}, ""),
        (4, {**common, "instanceIds": "0,1"}, ""),
        (5, {**common, "instanceIds": "*"}, ""),
    ]


@needs_groovy
def test_a_shared_library_is_read_and_its_bare_names_are_not_the_environment_s(
    answers: dict[str, Reading | str],
) -> None:
    assert [(call.step, given(call), call.rest) for call in calls(answers, "library")] == [
        ("azureVMSSUpdate", {"resourceGroup": "web-rg", "name": "<region>"}, "config"),
        ("azureVMSSUpdateInstances", {}, "config"),
    ]


@needs_groovy
def test_the_general_step_is_read_for_the_classes_of_the_plugin_only(answers: dict[str, Reading | str]) -> None:
    found = [(call.line, call.step, given(call)) for call in calls(answers, "step")]
    all_instances = {"name": "web", "instanceIds": "*"}
    assert [one[:2] for one in found] == [
        (2, "azureVMSSUpdate"),
        (3, "azureVMSSUpdateInstances"),
        (4, "azureVMSSUpdateInstances"),
    ]
    assert calls(answers, "step")[0].image == {"id": {"kind": "environment", "text": "IMAGE"}}
    assert found[1][2] == found[2][2] == all_instances


@needs_groovy
def test_names_of_parameters_environment_axes_and_credentials_are_the_environment_s(
    answers: dict[str, Reading | str],
) -> None:
    update, instances = calls(answers, "names")
    assert given(update) == {
        "azureCredentialsId": "$ID",
        "resourceGroup": "rg-$REGION",
        "name": "<prefix><next()>",
        "imageReference": "id=$IMAGE",
    }
    assert given(instances) == {
        "resourceGroup": "$GROUP",
        "name": "$SET-$COLOUR-$BUILD_NUMBER-x",
        "instanceIds": "$IDS",
    }


@needs_groovy
def test_a_name_of_the_environment_stays_one_if_groovy_has_the_same_name_elsewhere(
    answers: dict[str, Reading | str],
) -> None:
    (call,) = calls(answers, "shadowed")
    assert given(call) == {"resourceGroup": "$GROUP", "name": "$REGION-$COLOUR", "imageReference": "id=$IMAGE"}


@needs_groovy
def test_the_right_side_of_a_plus_wins_and_a_map_that_changes_has_no_known_value(
    answers: dict[str, Reading | str],
) -> None:
    added, filled, shared = map(given, calls(answers, "maps"))
    assert added == {"resourceGroup": "b", "name": "web", "instanceIds": "*"}
    assert (filled["name"], shared["name"]) == ("<filled.name>", "<shared.name>")


@needs_groovy
def test_a_variable_that_has_one_value_is_that_value_and_any_other_is_not(answers: dict[str, Reading | str]) -> None:
    first, second, third = calls(answers, "values")
    assert given(first) == {"resourceGroup": "web-rg", "name": "web-<colour()>", "imageReference": "id=/images/$IMAGE"}
    assert given(second) == {
        "resourceGroup": "<options.resourceGroup>",
        "name": "<changed>",
        "imageReference": "publisher=p,id=/images/$IMAGE",
    }
    assert given(third) == {"resourceGroup": "web-rg", "name": "web-x", "instanceIds": "<this.list(a, b)>"}


@needs_groovy
def test_what_varies_in_a_loop_is_known_for_each_parameter(answers: dict[str, Reading | str]) -> None:
    assert [(call.line, call.varies) for call in calls(answers, "loops")] == [
        (2, ()),
        (2, ()),
        (3, ("instanceIds",)),
        (5, ("instanceIds",)),
        (6, ("name",)),
        (7, ()),
        (8, ()),
        (9, ()),
    ]


@needs_groovy
def test_each_round_of_a_loop_over_a_list_or_a_map_in_the_text_is_a_call(answers: dict[str, Reading | str]) -> None:
    found: dict[int, list[tuple[str, str]]] = {}
    for call in calls(answers, "lists"):
        assert call.varies == ()
        found.setdefault(call.line, []).append((given(call)["resourceGroup"], given(call)["name"]))
    both = [("rg1", "blue"), ("rg2", "green")]
    assert found == {
        3: [("rg", "web-blue"), ("rg", "web-$SET"), ("rg", "web-x-$N")],
        **dict.fromkeys((4, 5, 6, 7, 8, 9), both),
        10: [("rg", "blue"), ("rg", "green")],
        **dict.fromkeys((11, 12), both),
        13: [("rg0", "blue"), ("rg1", "green")],
        14: [("rg1", "blue"), ("rg1", "green"), ("rg2", "blue"), ("rg2", "green")],
        15: [("rg1", "web"), ("rg2", "web")],
        16: [("rg", "web"), ("rg", "web")],
    }
    *_, first, second = calls(answers, "lists")
    assert (given(first)["instanceIds"], given(second)["instanceIds"]) == ("0", "1")
    assert first.listed == second.listed == ("instanceIds",)


@needs_groovy
def test_the_calls_of_a_loop_stay_in_the_order_in_which_they_run(answers: dict[str, Reading | str]) -> None:
    assert [(call.line, given(call)["name"]) for call in calls(answers, "order")] == [
        (3, "blue"),
        (4, "blue"),
        (3, "green"),
        (4, "green"),
        (6, "web"),
    ]


@needs_groovy
def test_a_loop_whose_rounds_the_text_does_not_show_is_never_lost(answers: dict[str, Reading | str]) -> None:
    found = calls(answers, "hidden")
    assert [call.line for call in found] == list(range(3, 19))
    assert [call.line for call in found if "name" not in call.varies] == []
    assert found[0].varies == ("azureCredentialsId", "resourceGroup", "name", "instanceIds")


@needs_groovy
def test_a_hundred_rounds_are_read_one_by_one_and_more_are_not(answers: dict[str, Reading | str]) -> None:
    assert [len([call for call in calls(answers, "many") if call.line == line]) for line in (2, 3)] == [100, 2]
    assert {call.varies for call in calls(answers, "many")} == {(), ("name",)}


@needs_groovy
def test_a_failure_counts_as_caught_unless_every_catch_fails_again(answers: dict[str, Reading | str]) -> None:
    caught = [shown(call.given["instanceIds"]) for call in calls(answers, "caught") if call.caught]
    assert caught == ["1", "4", "5", "7"]


@needs_groovy
def test_a_step_outside_a_call_is_found_with_its_line(answers: dict[str, Reading | str]) -> None:
    found = answers["unread"]
    assert isinstance(found, Reading)
    assert [(one.line, one.name.rpartition(".")[2]) for one in found.unread] == [
        (2, "azureVMSSUpdate"),
        (4, "azureVMSSUpdateInstances"),
        (7, "azureVMSSUpdateInstances"),
        (10, "UpdateBuilder"),
    ]
    assert found.calls == ()


@needs_groovy
@pytest.mark.parametrize("name", [name for name in TEXTS if name not in {"unread", "broken"}])
def test_comments_messages_and_calls_that_were_read_are_no_step_outside_a_call(
    answers: dict[str, Reading | str], name: str
) -> None:
    found = answers[name]
    assert isinstance(found, Reading)
    assert found.unread == ()


@needs_groovy
def test_each_other_cloud_is_found_once_and_not_in_comments(answers: dict[str, Reading | str]) -> None:
    found = answers["clouds"]
    assert isinstance(found, Reading)
    assert found.clouds == (Mention(2, "AzureUSGovernment"), Mention(4, "AzureChinaCloud"))


@needs_groovy
def test_a_text_that_is_not_groovy_is_answered_by_the_parser_s_message(answers: dict[str, Reading | str]) -> None:
    assert isinstance(answers["broken"], str)
    assert "line 1, column 12" in answers["broken"]


def test_a_missing_groovy_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"groovy: not found; .*apt-get install groovy"):
        groovy_reader.read(["node {}"], {"PATH": str(tmp_path)})


@pytest.mark.parametrize("where", ["&2", "&1"])
def test_a_groovy_that_does_not_start_is_an_error_with_its_reason(tmp_path: Path, where: str) -> None:
    command = tmp_path / "groovy"
    command.write_text(f"#!/bin/sh\necho 'no Java here' >{where}\nexit 1\n")
    command.chmod(0o755)
    with pytest.raises(ConfigError, match=r"groovy: did not start: no Java here; .*JAVA_HOME"):
        groovy_reader.read(["node {}"], {"PATH": str(tmp_path)})


def test_an_older_java_is_used_if_java_home_is_too_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("new", "25.0.1"), ("old", "1.8.0_392"), ("fits", "17.0.9"), ("none", "")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "java").touch()
        (tmp_path / name / "release").write_text(f'JAVA_VERSION="{version}"\n')
    monkeypatch.setattr(groovy_reader, "JAVAS", tmp_path)
    assert groovy_reader.java_home({"JAVA_HOME": str(tmp_path / "new")}) == str(tmp_path / "fits")
    assert groovy_reader.java_home({"JAVA_HOME": str(tmp_path / "old")}) == str(tmp_path / "old")
    monkeypatch.setattr(groovy_reader, "JAVAS", tmp_path / "nowhere")
    assert groovy_reader.java_home({}) is None
