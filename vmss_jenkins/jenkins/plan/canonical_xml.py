"""A canonical form of a job's config.xml: the same for ours, for what Jenkins saves, and for what a run leaves.

Jenkins rewrites a config.xml: it adds plugin attributes, defaults, entities and an XML 1.1 declaration. The first run
of a declarative pipeline adds `<actions>` and what the Jenkinsfile declares. The canonical form is a flat mapping from
a readable path (`parameter IMAGE defaultValue`) to a text. Two of them are compared by `==`, and people can read the
difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SCRIPT = "script"
"""The path of a pipeline's script."""
TYPE = "type"
"""The path of the root element's name, which is the type of the item."""

_MARK = re.compile(r"^Seeded by vmss-jenkins from (?P<source>.+): change it there, not here\.$", re.MULTILINE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_TRACKER = "org.jenkinsci.plugins.pipeline.modeldefinition.actions.DeclarativeJobPropertyTrackerAction"
_PARAMETERS = "hudson.model.ParametersDefinitionProperty"
_TRIGGERS = "org.jenkinsci.plugins.workflow.job.properties.PipelineTriggersJobProperty"
_UNSET = frozenset({"", "false", "-1"})
"""What Jenkins writes for a field that was not set."""
_FREE_TEXT = frozenset({"defaultValue", "description", "name", "script", "spec", "string"})
"""Fields with a text that a person wrote: there `false` and `-1` are text like any other."""
_DEFAULTS = {
    ("hudson.model.BooleanParameterDefinition", "defaultValue"): "false",
    ("hudson.plugins.git.GitSCM", "configVersion"): "2",
}
"""Defaults that do not look unset, by class and field."""

Canonical = Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One difference; None means absent."""

    what: str
    """`script`, `parameter IMAGE defaultValue`, ..."""
    before: str | None
    after: str | None


def parse(xml: str) -> Element:
    """Read a config.xml, of XML 1.0 or 1.1.

    Raises:
        ValueError: if it is not XML, or has a document type or entities, which no job has.
    """
    from defusedxml import ElementTree  # noqa: PLC0415 - only the seeder reads XML
    from defusedxml.common import DefusedXmlException  # noqa: PLC0415

    # Python's parser reads XML 1.0 only. XML 1.1 adds control characters, which no pipeline needs.
    text = _DECLARATION.sub("", xml)
    try:
        root: Element = ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise ValueError(f"not the XML of a job: {error}") from error
    return root


def canonical(xml: str) -> Canonical:
    """Return the canonical form of a config.xml.

    Raises:
        ValueError: if it cannot be read.
    """
    return _canonical(parse(xml), frozenset())


def with_actions(desired: str, existing: str) -> str:
    """Copy the server's `<actions>` into a configuration, so that an update keeps what runs recorded there.

    Raises:
        ValueError: if one of them cannot be read.
    """
    actions = parse(existing).find("actions")
    if actions is None:
        return desired
    root = parse(desired)
    for own in root.findall("actions"):
        root.remove(own)
    actions.tail = "\n  "
    root.insert(0, actions)
    return serialised(root)


def serialised(root: Element) -> str:
    """Write a configuration as XML that reads back with the same texts."""
    from xml.etree.ElementTree import tostring  # noqa: PLC0415 - it only writes here

    # A parser turns a bare carriage return into a line feed, but keeps the reference `&#13;`.
    return "<?xml version='1.1' encoding='UTF-8'?>\n" + tostring(root, "unicode").replace("\r", "&#13;")


def difference(desired: str, existing: str) -> tuple[Change, ...]:
    """Return the changes that turn a server's configuration into the wanted one, by canonical form.

    What a run added from the Jenkinsfile, which the tracker in `<actions>` lists, is not a difference.

    Raises:
        ValueError: if a config.xml cannot be read.
    """
    if _body(desired) == _body(existing):
        return ()
    wanted, found = parse(desired), parse(existing)
    after, before = _canonical(wanted, frozenset()), _canonical(found, _merged(found) - _declarations(wanted))
    paths = [*after, *(path for path in before if path not in after)]
    return tuple(
        Change(path, before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)
    )


def described(change: Change) -> tuple[str, ...]:
    """Write a change as lines: a unified diff for the script, one line for anything else."""
    if change.what == SCRIPT and change.before is not None and change.after is not None:
        lines = unified_diff(change.before.splitlines(), change.after.splitlines(), n=1, lineterm="")
        return ("script:", *(f"  {line}" for line in list(lines)[2:]))
    before = "absent" if change.before is None else repr(change.before)
    after = "absent" if change.after is None else repr(change.after)
    return (f"{change.what}: {before} -> {after}",)


def mark(source: str) -> str:
    """Make the line of a description that names the file that a job came from."""
    return f"Seeded by vmss-jenkins from {one_line(source)}: change it there, not here."


def marked_in(description: str) -> str | None:
    """Find the file that a description names; None if the job was not seeded."""
    found = _MARK.search(description)
    return found["source"] if found else None


def marked_source(xml: str) -> str | None:
    """Find the file that a config.xml names; None if the job was not seeded.

    Raises:
        ValueError: if it cannot be read.
    """
    return marked_in(parse(xml).findtext("description", ""))


def unmarked(description: str) -> str:
    """Remove the mark from a description."""
    return _MARK.sub("", description).rstrip()


def one_line(source: str) -> str:
    """Write a file's name as a mark has it."""
    return " ".join(source.split())


def _body(xml: str) -> str:
    """Return a configuration without its declaration, which is all that Jenkins changes before the first run."""
    return _DECLARATION.sub("", xml).strip()


def _canonical(root: Element, merged: frozenset[str]) -> Canonical:
    found: dict[str, str] = {TYPE: root.tag}
    for child in root:
        if child.tag == "properties":
            for prop in child:
                _property(prop, found, merged)
        elif child.tag == "definition":
            _definition(child, found)
        elif child.tag != "actions":
            _flatten(child, child.tag, found)
    return found


def _property(prop: Element, found: dict[str, str], merged: frozenset[str]) -> None:
    if prop.tag == _PARAMETERS:
        for parameter in prop.iterfind("parameterDefinitions/*"):
            name = parameter.findtext("name", "")
            if f"parameter {name}" not in merged:
                _parameter(parameter, f"parameter {name}", found)
    elif prop.tag not in merged:
        _flatten(prop, f"property {_short(prop.tag)}", found)


def _parameter(parameter: Element, path: str, found: dict[str, str]) -> None:
    found[f"{path} type"] = _short(parameter.tag)
    for child in parameter:
        if child.tag == "choices":
            # Jenkins writes an array or a list, as the version has it.
            found[f"{path} choices"] = "\n".join(each.text or "" for each in child.iter("string"))
        elif child.tag != "name":
            _flatten(child, f"{path} {child.tag}", found, parameter.tag)


def _definition(definition: Element, found: dict[str, str]) -> None:
    found["definition"] = _short(definition.get("class", ""))
    for child in definition:
        path = SCRIPT if child.tag == "script" else f"definition {child.tag}"
        _flatten(child, path, found)


def _flatten(element: Element, path: str, found: dict[str, str], owner: str = "") -> None:
    """Add an element and all below it, unset fields left out."""
    kind = element.get("class", "")
    if "." in kind:
        found[path] = _short(kind)
    if not len(element):
        text = element.text or ""
        if "." in element.tag:
            found[path] = text.strip() or "set"
        elif not _unset(element.tag, text, owner):
            found[path] = text
        return
    if "." in element.tag:
        found[path] = "set"
    seen: dict[str, int] = {}
    for child in element:
        seen[child.tag] = seen.get(child.tag, 0) + 1
        number = f"[{seen[child.tag]}]" if seen[child.tag] > 1 else ""
        _flatten(child, f"{path}/{_short(child.tag)}{number}", found, kind or element.tag)


def _unset(field: str, text: str, owner: str) -> bool:
    if _DEFAULTS.get((owner, field)) == text:
        return True
    return text == "" if field in _FREE_TEXT else text.strip() in _UNSET


def _merged(root: Element) -> frozenset[str]:
    """Return what the last run added from the Jenkinsfile, which its tracker lists."""
    tracker = root.find(f"actions/{_TRACKER}")
    if tracker is None:
        return frozenset()
    found = {str(each.text) for each in tracker.iterfind("jobProperties/string")}
    found |= {f"parameter {each.text}" for each in tracker.iterfind("parameters/string")}
    if tracker.find("triggers/string") is not None:
        found.add(_TRIGGERS)
    return frozenset(found)


def _declarations(root: Element) -> frozenset[str]:
    """Return what a wanted configuration declares itself, named as the tracker names it."""
    names = root.iterfind(f"properties/{_PARAMETERS}/parameterDefinitions/*/name")
    return frozenset(prop.tag for prop in root.iterfind("properties/*")) | {f"parameter {n.text}" for n in names}


def _short(name: str) -> str:
    return name.rpartition(".")[2]
