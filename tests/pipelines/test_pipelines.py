"""The generated jobs: their structure, and the examples in the repository."""

import re
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from tests.pipelines.groovy_reader import read
from tests.pipelines.samples import config_of, jobs
from vmss_jenkins.config import parse
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.pipelines import Kind, groovy, image_jobs_of, jobs_of, pipelines_of

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/vmss.yaml"
PRINCIPAL = {"kind": "azure-service-principal", "id": "azure"}
PLUGIN = {"flavour": "plugin", "instance_ids": "0,1", "gates": []}


def generated() -> dict[str, str]:
    files = {}
    for job in jobs_of(parse((ROOT / EXAMPLE).read_text(), EXAMPLE), EXAMPLE):
        files[f"{job.path}/Jenkinsfile"] = job.jenkinsfile
        files[f"{job.path}/config.xml"] = job.config_xml
    return files


@pytest.mark.parametrize("name", generated())
def test_the_examples_are_up_to_date(name: str) -> None:
    kept = (ROOT / "jenkinsfiles" / name).read_text()
    assert kept == generated()[name], f"write them again: vmss-jenkins render {EXAMPLE} --out jenkinsfiles"


def test_there_are_no_other_examples() -> None:
    kept = {str(file.relative_to(ROOT / "jenkinsfiles")) for file in (ROOT / "jenkinsfiles" / "deploy").rglob("*.*")}
    kept |= {str(file.relative_to(ROOT / "jenkinsfiles")) for file in (ROOT / "jenkinsfiles" / "deploy").rglob("J*")}
    assert kept == set(generated())


def stages(job: JobSpec) -> list[str]:
    """Return the names of the stages, in order."""
    return re.findall(r"stage\('([^']+)'\)", job.jenkinsfile)


def test_a_set_has_three_jobs_or_two_without_the_rollback_job() -> None:
    assert [job.path for job in jobs({}, {"folder": "a/b"}).values()] == [
        "a/b/web-canary",
        "a/b/web-full",
        "a/b/web-rollback",
    ]
    assert set(jobs({"rollback_job": False})) == {"canary", "full"}
    assert jobs({"job_name": "shop"})["canary"].path == "shop-canary"


def test_the_stages_are_those_of_the_blog_post_and_more() -> None:
    found = jobs()
    assert stages(found["canary"]) == [
        "Work",
        "Set Up",
        "Find The Release",
        "Update Image Configuration",
        "Update A Subset of Instances",
        "Verify",
        "Report",
    ]
    assert stages(found["full"]) == ["Work", "Set Up", "Check The Canary", "Update The Rest", "Verify"]
    assert stages(found["rollback"]) == ["Work", "Set Up", "Roll Back"]


def test_no_gates_mean_no_verify_and_compare_is_not_asked_when_all_have_the_release() -> None:
    assert "Verify" not in stages(jobs({"gates": []})["canary"])
    found = jobs({"gates": ["compare", "http path=/x"]})
    assert found["canary"].jenkinsfile.count("--gate=compare") == 1
    assert found["full"].jenkinsfile.count("--gate=compare") == 1
    assert found["full"].jenkinsfile.count("--gate='http path=/x'") == 2
    assert "Verify" not in stages(jobs({"gates": ["compare"]})["full"])


def test_the_flavour_plugin_has_the_two_steps_of_the_blog_post() -> None:
    found = jobs(PLUGIN, {"credentials": PRINCIPAL})
    canary, full = found["canary"].jenkinsfile, found["full"].jenkinsfile
    assert stages(found["canary"]) == ["Work", "Update Image Configuration", "Update A Subset of Instances"]
    step = "azureVMSSUpdate azureCredentialsId: 'azure',\n resourceGroup: params.RESOURCE_GROUP,\n"
    step += " name: params.VMSS_NAME,\n imageReference: [id: '$IMAGE_ID']"
    assert step in re.sub(r"\n +", "\n ", canary)
    assert "instanceIds: '$INSTANCE_IDS'" in canary
    assert "instanceIds: '*'" in full
    assert "sh " not in canary + full
    assert "DRY_RUN" not in canary + full


def test_the_flavour_plugin_verifies_with_the_command_if_it_has_gates() -> None:
    found = jobs({**PLUGIN, "gates": ["instance-health"]}, {"credentials": PRINCIPAL})
    assert stages(found["canary"])[-1] == "Verify"
    assert '--instance-ids="$INSTANCE_IDS"' in found["canary"].jenkinsfile


SCRIPT = {
    "container": "https://examplescripts.blob.core.windows.net/releases",
    "access": "sas",
    "command": "bash {script} --port 80",
    "credentials": {
        "storage_key": "key",
        "sas_token": "sas",
        "protected_settings": {"id": "app-secrets", "kind": "file"},
        "previous_protected_settings": {"id": "before"},
    },
}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sh 'a'", r"sh 'it\'s // b'", True),
        ("sh '''a\nb'''", r"sh '''c \''' d'''", True),
        ("x() // it's a", "x() // another", True),
        ("x('a') // it's", "y('a') // it's", False),
        ("x() /* it's */ + 'a'", "y() /* it's */ + 'a'", False),
        ('sh "${a}"', 'sh "${b}"', False),
        ("x(\"it's\") + a('b')", "x(\"it's\") + b('b')", False),
        ("a 'b'", "a 'b' + 'c'", False),
    ],
)
def test_the_shape_of_a_script_leaves_out_only_comments_and_texts_that_are_never_code(
    one: str, other: str, same: bool
) -> None:
    assert (groovy.shape(one) == groovy.shape(other)) is same


COMBINATIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"promotion": "approval"}, {"lock": True, "copy_artifacts": True, "agent": "linux", "credentials": PRINCIPAL}),
    ({"promotion": "automatic", "gates": []}, {"install": {"how": "pip", "requirement": "vmss-jenkins==1.0"}}),
    ({**PLUGIN, "promotion": "approval"}, {"credentials": PRINCIPAL}),
    (
        {"schedule": "H 4 * * 1", "image": "a:b:c:latest", "subscription": "00000000-0000-0000-0000-000000000001"},
        {
            "install": {"how": "container", "image": "registry/vmss-jenkins:1.0"},
            "agent": "docker",
            "credentials": {
                "kind": "username-password",
                "id": "sp",
                "tenant": "00000000-0000-0000-0000-000000000002",
            },
        },
    ),
    ({"script": {}, "promotion": "automatic"}, {"copy_artifacts": True}),
    ({"script": SCRIPT, "promotion": "approval"}, {"credentials": PRINCIPAL}),
    ({"script": SCRIPT, "gates": []}, {"safe_html": True}),
]


@pytest.mark.parametrize(("one", "jenkins"), COMBINATIONS)
def test_every_jenkinsfile_keeps_the_rules_of_a_real_server(one: dict[str, Any], jenkins: dict[str, Any]) -> None:
    for job in jobs(one, jenkins).values():
        code, _ = read(job.jenkinsfile)
        assert code.count("{") == code.count("}")
        assert code.startswith("\npipeline {\n    agent none\n")
        assert "<quietPeriod>0</quietPeriod>" in job.config_xml
        for option in (
            "quietPeriod(0)",
            "disableConcurrentBuilds()",
            "skipDefaultCheckout()",
            "buildDiscarder(",
            "timeout(time: ",
        ):
            assert option in code
        for directive in ("agent", "options", "input", "when", "steps", "post", "stages", "parameters"):
            assert not re.search(rf"^ *[^ \n].*\b{directive} \{{", code, re.MULTILINE)
        if "input {" in code:
            waiting = code[code.rindex("stage(", 0, code.index("input {")) :]
            assert "agent" not in waiting
            assert "when {" not in waiting or "beforeInput true" in waiting
        assert '"' not in code.replace('"vmss-${params.RESOURCE_GROUP}-${params.VMSS_NAME}"', "")
        assert "sh #" in code or "azureVMSSUpdate" in code


@pytest.mark.parametrize(("one", "jenkins"), COMBINATIONS)
def test_python_imports_no_module_of_the_workspace(one: dict[str, Any], jenkins: dict[str, Any]) -> None:
    for job in jobs(one, jenkins).values():
        scripts = "\n".join(read(job.jenkinsfile)[1])
        modules = re.findall(r" -m (?:vmss_jenkins|venv|pip)\b", scripts)
        assert re.findall(r"(\S+) -m\b", scripts) == ["-I"] * len(modules)


@pytest.mark.parametrize(("one", "jenkins"), COMBINATIONS)
def test_config_xml_has_the_parameters_of_the_jenkinsfile(one: dict[str, Any], jenkins: dict[str, Any]) -> None:
    for pipeline, job in zip(
        pipelines_of(config_of(one, jenkins), "vmss.yaml"), jobs(one, jenkins).values(), strict=True
    ):
        root = ElementTree.fromstring(job.config_xml)
        definitions = list(root.iterfind(".//parameterDefinitions/*"))
        assert [found.findtext("name") for found in definitions] == [p.name for p in pipeline.parameters]
        for definition, parameter in zip(definitions, pipeline.parameters, strict=True):
            assert definition.findtext("description") == parameter.description
            choices = [choice.text for choice in definition.iterfind("choices/a/string")]
            if parameter.choices:
                assert choices == list(parameter.choices)
            else:
                wanted = str(parameter.default).lower() if isinstance(parameter.default, bool) else parameter.default
                assert definition.findtext("defaultValue") == wanted
        assert root.findtext("definition/sandbox") == "true"
        assert root.findtext("disabled") == "false"


def test_with_safe_html_the_text_of_the_file_is_never_taken_for_tags() -> None:
    job = jobs({"description": "<b>Web</b> & 'more'"}, {"safe_html": True})["canary"]
    description = ElementTree.fromstring(job.config_xml).findtext("description", "")
    assert description.startswith("&lt;b&gt;Web&lt;/b&gt; &amp; 'more'\n\n")
    assert description.endswith("Seeded by vmss-jenkins from vmss.yaml: change it there, not here.")
    assert (job.html, jobs()["canary"].html) == (True, False)
    (image,) = image_jobs_of(config_of({"description": "<b>"}, {"safe_html": True}))
    assert image.html
    assert "<description>&amp;lt;b&amp;gt;" in image.config_xml


def test_a_job_names_its_file() -> None:
    root = ElementTree.fromstring(jobs({"description": "Web <servers>"})["canary"].config_xml)
    first, what, where = root.findtext("description", "").split("\n\n")
    assert first == "Web <servers>"
    assert what.startswith("Updates the image")
    assert where == "Seeded by vmss-jenkins from vmss.yaml: change it there, not here."


def test_an_approved_or_automatic_promotion_starts_the_full_job_with_its_parameters() -> None:
    approved = jobs({"promotion": "approval"}, {"folder": "a"})["canary"].jenkinsfile
    assert "build job: '/a/web-full', wait: false, parameters: [" in approved
    assert "text(name: 'HANDOFF', value: env.VMSS_HANDOFF)" in approved
    assert "message 'The canary of web passed. Update the other instances?'" in approved
    automatic = jobs({"promotion": "automatic"})["canary"].jenkinsfile
    assert "build job: '/web-full'" in automatic
    assert "input {" not in automatic
    assert "build job" not in jobs()["canary"].jenkinsfile


def test_the_full_job_has_every_parameter_that_it_is_started_with() -> None:
    for one, jenkins in COMBINATIONS:
        canary, full, *_ = pipelines_of(config_of(one, jenkins), "vmss.yaml")
        if canary.hand_over:
            assert set(canary.hand_over.parameters) <= {parameter.name for parameter in full.parameters}
            assert canary.hand_over.job == f"/{full.path}"


def test_the_record_is_copied_with_the_plugin_copyartifact_and_is_a_parameter_without_it() -> None:
    copied = jobs({}, {"copy_artifacts": True, "folder": "a"})["full"]
    assert copied.jenkinsfile.count("copyArtifacts projectName: '/a/web-canary'") == 2
    assert "copyartifact" in copied.plugins
    pasted = jobs()["full"]
    assert "copyArtifacts" not in pasted.jenkinsfile
    assert "writeFile file: 'vmss-jenkins-results/run/handoff.json', text: params.HANDOFF" in pasted.jenkinsfile


def test_a_job_names_the_plugins_that_its_steps_need() -> None:
    one, jenkins = COMBINATIONS[1]
    canary = jobs(one, jenkins)["canary"]
    needed = {"lockable-resources", "azure-credentials", "pipeline-input-step", "pipeline-build-step", "junit"}
    assert needed <= set(canary.plugins)
    assert canary.credentials_id == "azure"
    assert not needed & set(jobs({"gates": []})["rollback"].plugins) - {"junit"}
    one, jenkins = COMBINATIONS[4]
    assert {"docker-workflow", "credentials-binding"} <= set(jobs(one, jenkins)["canary"].plugins)


def test_a_program_can_look_into_pipelines() -> None:
    canary, full, rollback = pipelines_of(config_of(), "vmss.yaml")
    assert [canary.kind, full.kind, rollback.kind] == [Kind.CANARY, Kind.FULL, Kind.ROLLBACK]
    assert canary == pipelines_of(config_of(), "vmss.yaml")[0]


def test_a_user_s_template_replaces_ours_and_can_include_it() -> None:
    own = {"agent.groovy.j2": "            agent { label 'mine' }\n"}
    assert "agent { label 'mine' }" in jobs_of(config_of(), templates=own)[0].jenkinsfile
    around = {"jenkinsfile.groovy.j2": "@Library('mine') _\n{% include 'default/jenkinsfile.groovy.j2' %}"}
    text = jobs_of(config_of(), templates=around)[0].jenkinsfile
    assert text.startswith("@Library('mine') _\n// Generated by")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ pipeline.description }}", "printed without a filter; add the filter groovy"),
        ("{{ pipeline.descripton|groovy }}", "has no attribute 'descripton'"),
        ("\n{% if %}", "line 2: "),
        ("{{ 'a-b'|step }}", "wanted letters, digits and '_'"),
        ("{% include 'missing' %}", "missing"),
    ],
)
def test_a_template_that_is_wrong_or_prints_possible_code_is_refused(template: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        jobs_of(config_of(), templates={"jenkinsfile.groovy.j2": template})
    assert reason in str(raised.value)


def test_every_rollout_of_the_jobs_suspends_autoscale_only_if_the_file_says_so() -> None:
    kept, suspended = (jobs({"rollout": {"autoscale": how}}) for how in ("keep", "suspend"))
    for kind in ("canary", "full", "rollback"):
        script = suspended[kind].jenkinsfile
        assert script.count("--autoscale=suspend") == script.count("--strategy=") > 0
        assert "--autoscale" not in kept[kind].jenkinsfile


def test_every_rollout_of_the_jobs_keeps_repairs_only_if_the_file_says_so() -> None:
    kept, suspended = (jobs({"rollout": {"repairs": how}}) for how in ("keep", "suspend"))
    for kind in ("canary", "full", "rollback"):
        script = kept[kind].jenkinsfile
        assert script.count("--repairs=keep") == script.count("--strategy=") > 0
        assert "--repairs" not in suspended[kind].jenkinsfile
