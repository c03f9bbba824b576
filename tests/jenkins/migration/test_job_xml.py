"""A job's config.xml: its Pipeline script, or the steps of a freestyle job."""

from __future__ import annotations

import pytest

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration.job_xml import PipelineScript, read_job

FREESTYLE = """<?xml version='1.1' encoding='UTF-8'?>
<project>
  <builders>
    <hudson.tasks.Shell><command>make</command></hudson.tasks.Shell>
    <com.microsoft.jenkins.vmss.UpdateBuilder plugin="azure-vmss@0.2.4">
      <azureCredentialsId>azure</azureCredentialsId>
      <resourceGroup>web-rg</resourceGroup>
      <name>web</name>
      <imageReference>
        <id>/images/$IMAGE</id>
        <publisher/>
      </imageReference>
    </com.microsoft.jenkins.vmss.UpdateBuilder>
    <org.jenkinsci.plugins.conditionalbuildstep.singlestep.SingleConditionalBuilder>
      <buildStep class="com.microsoft.jenkins.vmss.UpdateInstancesBuilder">
        <name>web</name>
        <instanceIds>0, 1</instanceIds>
      </buildStep>
    </org.jenkinsci.plugins.conditionalbuildstep.singlestep.SingleConditionalBuilder>
  </builders>
</project>
"""


def test_the_steps_of_a_freestyle_job_are_read_with_their_lines() -> None:
    found = read_job(FREESTYLE, "config.xml")
    assert isinstance(found, tuple)
    update, instances = found
    assert (update.step, update.line, update.freestyle) == ("azureVMSSUpdate", 5, True)
    assert update.given["resourceGroup"] == {"kind": "text", "text": "web-rg"}
    assert update.image == {"id": {"kind": "text", "text": "/images/$IMAGE"}}
    assert (instances.step, instances.line) == ("azureVMSSUpdateInstances", 15)
    assert instances.given["instanceIds"] == {"kind": "text", "text": "0, 1"}


def test_the_pipeline_script_of_a_job_is_read_with_its_first_line() -> None:
    text = "<?xml version='1.1'?>\n<flow-definition>\n<definition><script>node {\n  a &amp;&amp; b\n}</script>"
    found = read_job(f"{text}<sandbox>true</sandbox></definition></flow-definition>", "config.xml")
    assert found == PipelineScript("node {\n  a && b\n}", 3)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<project/>", "holds no Pipeline script and no build step of the plugin azure-vmss"),
        ("<flow-definition><definition><scm/><scriptPath>ci/Jenkinsfile</scriptPath></definition></flow-definition>",
         "the job reads ci/Jenkinsfile from its repository: pass that file"),
        ("<!DOCTYPE a><a/>", "is not XML that can be read"),
        ("<a", "is not XML that can be read"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "is not XML that can be read"),
        ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "is not XML that can be read"),
    ],
)  # fmt: skip
def test_an_xml_without_steps_is_refused_with_what_to_pass_instead(content: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_job(content, "config.xml")
    assert fault in str(refused.value)
