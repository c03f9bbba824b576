"""Renders pipelines as config.xml, with the parameters of the Jenkinsfile, so that the first build has them.

It has the form that Jenkins writes itself, with all defaults, so that its rewriting changes little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.pipelines.model import Field, Parameter, Pipeline

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""
_WORKFLOW = "org.jenkinsci.plugins.workflow"


def config_xml(pipeline: Pipeline, jenkinsfile: str) -> str:
    """Write the config.xml of a pipeline job.

    Args:
        pipeline: the job.
        jenkinsfile: its script.

    Raises:
        ConfigError: if a text has characters that XML cannot hold.
    """
    properties = (_concurrency(), _discarder(pipeline.keep_builds), *_trigger(pipeline), _parameters(pipeline))
    definition = _element("script", jenkinsfile) + _element("sandbox", "true")
    parts = (
        _element("description", pipeline.description),
        _element("keepDependencies", "false"),
        _element("quietPeriod", "0"),
        f"<properties>\n    {'    '.join(f'{one}{chr(10)}' for one in properties)}  </properties>",
        f'<definition class="{_WORKFLOW}.cps.CpsFlowDefinition">{definition}</definition>',
        "<triggers/>",
        "<disabled>false</disabled>",
    )
    return "\n".join(
        ["<?xml version='1.0' encoding='UTF-8'?>", "<flow-definition>", *_indented(parts), "</flow-definition>", ""]
    )


def text(value: str) -> str:
    """Escape a text for XML, in an element or an attribute.

    Raises:
        ConfigError: if it has characters that XML 1.0 cannot hold.
    """
    if found := _NOT_XML.search(value):
        reason = f"found the character U+{ord(found[0]):04X} in {value[:40]!r}; remove it: XML cannot hold it"
        raise ConfigError("config.xml", [reason])
    return escape(value, {"\r": "&#13;", '"': "&quot;", "'": "&apos;"})


def _element(tag: str, value: str) -> str:
    return f"<{tag}>{text(value)}</{tag}>"


def _indented(parts: Iterable[str]) -> Iterable[str]:
    return (f"  {part}" for part in parts)


def _concurrency() -> str:
    tag = f"{_WORKFLOW}.job.properties.DisableConcurrentBuildsJobProperty"
    return f"<{tag}><abortPrevious>false</abortPrevious></{tag}>"


def _discarder(keep: int) -> str:
    numbers = (("daysToKeep", -1), ("numToKeep", keep), ("artifactDaysToKeep", -1), ("artifactNumToKeep", -1))
    inner = "".join(_element(tag, str(number)) for tag, number in numbers)
    tag = "jenkins.model.BuildDiscarderProperty"
    return f'<{tag}><strategy class="hudson.tasks.LogRotator">{inner}</strategy></{tag}>'


def _trigger(pipeline: Pipeline) -> Iterable[str]:
    if pipeline.schedule:
        tag = f"{_WORKFLOW}.job.properties.PipelineTriggersJobProperty"
        timer = f"<hudson.triggers.TimerTrigger>{_element('spec', pipeline.schedule)}</hudson.triggers.TimerTrigger>"
        yield f"<{tag}><triggers>{timer}</triggers></{tag}>"


def _parameters(pipeline: Pipeline) -> str:
    tag = "hudson.model.ParametersDefinitionProperty"
    lines = "".join(f"\n        {_parameter(parameter)}" for parameter in pipeline.parameters)
    return f"<{tag}>\n      <parameterDefinitions>{lines}\n      </parameterDefinitions>\n    </{tag}>"


def _parameter(parameter: Parameter) -> str:
    kind = {
        Field.STRING: "String",
        Field.TEXT: "Text",
        Field.BOOLEAN: "Boolean",
        Field.CHOICE: "Choice",
    }[parameter.field]
    tag = f"hudson.model.{kind}ParameterDefinition"
    named = _element("name", parameter.name) + _element("description", parameter.description)
    return f"<{tag}>{named}{_value(parameter)}</{tag}>"


def _value(parameter: Parameter) -> str:
    if parameter.field is Field.CHOICE:
        choices = "".join(_element("string", choice) for choice in parameter.choices)
        return f'<choices class="java.util.Arrays$ArrayList"><a class="string-array">{choices}</a></choices>'
    default = str(parameter.default).lower() if isinstance(parameter.default, bool) else parameter.default
    trim = {Field.STRING: _element("trim", "true"), Field.TEXT: _element("trim", "false")}.get(parameter.field, "")
    return _element("defaultValue", default) + trim
