"""Rewrites a config.xml as Jenkins does: a little on each POST, all of it when Jenkins saves or runs the job."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from defusedxml.ElementTree import fromstring

VERSIONS = {
    "flow-definition": "workflow-job@1342.v046651d5b_dfe",
    "definition": "workflow-cps@3774.v4a_d648d409ce",
    "com.cloudbees.plugins.credentials.CredentialsParameterDefinition": "credentials@1271.v54b_1c2c6388a_",
    "tracker": "pipeline-model-definition@2.2144.v077a_d1928a_40",
}
DISABLE_CONCURRENT = "org.jenkinsci.plugins.workflow.job.properties.DisableConcurrentBuildsJobProperty"
TRIGGERS = "org.jenkinsci.plugins.workflow.job.properties.PipelineTriggersJobProperty"
PARAMETERS = "hudson.model.ParametersDefinitionProperty"
ACTIONS = "org.jenkinsci.plugins.pipeline.modeldefinition.actions"
DEFAULTS = {
    "flow-definition": {"description": "", "keepDependencies": "false", "disabled": "false"},
    DISABLE_CONCURRENT: {"abortPrevious": "false"},
    "hudson.model.StringParameterDefinition": {"description": "", "defaultValue": "", "trim": "false"},
    "hudson.model.TextParameterDefinition": {"description": "", "defaultValue": "", "trim": "false"},
    "hudson.model.BooleanParameterDefinition": {"description": "", "defaultValue": "false"},
    "hudson.model.ChoiceParameterDefinition": {"description": ""},
    "definition": {"sandbox": "false"},
}
TEXTS = frozenset({"description", "defaultValue", "script", "name", "string", "spec"})


def as_posted(xml: str) -> str:
    """Return what Jenkins stores after a POST: the same text, after its own declaration.

    Raises:
        ET.ParseError: if it is not XML.
    """
    found = re.match(r"\s*<\?xml version=['\"](1\.\d)['\"][^>]*\?>\s*", xml)
    body = xml[found.end() :] if found else xml
    fromstring(body)
    return f'<?xml version="{found[1] if found else "1.0"}" encoding="UTF-8"?>{body}'


def as_saved(xml: str) -> str:
    """Return what the server writes when a person saves the job in the browser."""
    root = parsed(xml)
    _expand(root)
    return written(root)


def as_run(xml: str) -> str:
    """Return what the first run of a declarative pipeline writes."""
    root = parsed(xml)
    script = root.findtext("definition/script", "")
    if re.search(r"^\s*pipeline\s*\{", script, re.MULTILINE):
        _track(root, script)
    _expand(root)
    return written(root)


def parsed(xml: str) -> ET.Element:
    root: ET.Element = fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", xml))
    return root


def written(root: ET.Element) -> str:
    return "<?xml version='1.1' encoding='UTF-8'?>\n" + _written(root, 0)


def _track(root: ET.Element, script: str) -> None:
    properties = root.find("properties")
    if properties is None:
        properties = ET.SubElement(root, "properties")
    declared: dict[str, list[str]] = {"jobProperties": [], "triggers": [], "parameters": [], "options": []}
    if "disableConcurrentBuilds(" in script:
        declared["jobProperties"].append(DISABLE_CONCURRENT)
        _ensure(properties, DISABLE_CONCURRENT)
    if quiet := re.search(r"options\s*\{[^}]*quietPeriod\((\d+)\)", script):
        declared["options"].append("quietPeriod")
        _ensure(root, "quietPeriod").text = quiet[1]
    if cron := re.search(r"triggers\s*\{\s*cron\s*\(?\s*'([^']*)'", script):
        declared["triggers"].append("hudson.triggers.TimerTrigger")
        triggers = _ensure(_ensure(properties, TRIGGERS), "triggers")
        _ensure(_ensure(triggers, "hudson.triggers.TimerTrigger"), "spec").text = cron[1]
    for name in re.findall(r"(?:string|booleanParam|choice|text)\s*\(\s*name:\s*'([^']+)'", script):
        declared["parameters"].append(name)
        definitions = _ensure(_ensure(properties, PARAMETERS), "parameterDefinitions")
        if name not in {each.findtext("name") for each in definitions}:
            parameter = ET.SubElement(definitions, "hudson.model.StringParameterDefinition")
            ET.SubElement(parameter, "name").text = name
    _actions(root, declared)


def _actions(root: ET.Element, declared: dict[str, list[str]]) -> None:
    for old in root.findall("actions"):
        root.remove(old)
    actions = ET.Element("actions")
    root.insert(0, actions)
    ET.SubElement(actions, f"{ACTIONS}.DeclarativeJobAction", plugin=VERSIONS["tracker"])
    tracker = ET.SubElement(actions, f"{ACTIONS}.DeclarativeJobPropertyTrackerAction", plugin=VERSIONS["tracker"])
    for kind, names in declared.items():
        listed = ET.SubElement(tracker, kind)
        for name in names:
            ET.SubElement(listed, "string").text = name


def _ensure(parent: ET.Element, tag: str) -> ET.Element:
    found = parent.find(tag)
    return found if found is not None else ET.SubElement(parent, tag)


def _expand(element: ET.Element) -> None:
    if element.tag in VERSIONS:
        element.set("plugin", VERSIONS[element.tag])
    for field, default in DEFAULTS.get(element.tag, {}).items():
        if element.find(field) is None:
            ET.SubElement(element, field).text = default
    for child in element:
        _expand(child)


def _written(element: ET.Element, depth: int) -> str:
    attributes = "".join(f' {key}="{value}"' for key, value in element.attrib.items())
    opening = f"{'  ' * depth}<{element.tag}{attributes}"
    if len(element):
        inner = "".join(_written(child, depth + 1) for child in element)
        return f"{opening}>\n{inner}{'  ' * depth}</{element.tag}>\n"
    if not element.text and element.tag not in TEXTS:
        return f"{opening}/>\n"
    return f"{opening}>{_escaped(element.text or '')}</{element.tag}>\n"


def _escaped(text: str) -> str:
    pairs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;", "\r": "&#xd;"}
    return "".join(pairs.get(character, character) for character in text)
