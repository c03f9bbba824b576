"""The items of the fake Jenkins, and its rules for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from tests.fake_jenkins.rewriting import as_posted, parsed, written

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
CLASSES = {
    "flow-definition": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
    FOLDER: FOLDER,
    "project": "hudson.model.FreeStyleProject",
}
OPTIONS = (
    "authorizationMatrix, buildDiscarder, catchError, checkoutToSubdirectory, copyArtifactPermission, "
    "disableConcurrentBuilds, disableRestartFromStage, disableResume, durabilityHint, lock, overrideIndexTriggers, "
    "parallelsAlwaysFailFast, preserveStashes, quietPeriod, rateLimitBuilds, retry, script, skipDefaultCheckout, "
    "skipStagesAfterUnstable, throttle, throttleJobProperty, timeout, timestamps, waitUntil, warnError, withChecks, "
    "withContext, withCredentials, withEnv, wrap, ws"
)
PLUGINS = {
    "azure-credentials": "312.v0f3973cd1e59",
    "cloudbees-folder": "6.848.ve3b_fd7839a_81",
    "copyartifact": "722.v0662a_9b_e22a_c",
    "credentials": "1271.v54b_1c2c6388a_",
    "credentials-binding": "631.v861c06d062b_4",
    "htmlpublisher": "1.32",
    "junit": "1217.v4297208a_a_b_ce",
    "lockable-resources": "2.18",
    "pipeline-build-step": "505.v5f0844d8d126",
    "pipeline-groovy-lib": "685.v8ee9ed91d574",
    "pipeline-input-step": "477.v339683a_8d55e",
    "pipeline-model-definition": "2.2144.v077a_d1928a_40",
    "timestamper": "1.26",
    "workflow-aggregator": "596.v8c21c963d92d",
    "workflow-basic-steps": "1042.ve7b_140c4a_e0c",
    "workflow-cps": "3774.v4a_d648d409ce",
    "workflow-durable-task-step": "1289.v4d3e7b_01546b_",
    "workflow-job": "1342.v046651d5b_dfe",
    "ws-cleanup": "0.45",
}


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of the fake
    """An answer other than success."""

    def __init__(self, status: int, reason: str = "") -> None:
        self.status, self.reason = status, reason
        super().__init__(status, reason)


@dataclass
class Item:
    name: str
    config: str
    builds: int = 0
    """How many builds it has."""
    known_description: str | None = None
    """Set for a configuration in XML 1.1 with control characters, which Python cannot read."""

    @property
    def kind(self) -> str:
        return CLASSES["flow-definition" if self.known_description is not None else parsed(self.config).tag]

    @property
    def description(self) -> str:
        if self.known_description is not None:
            return self.known_description
        return parsed(self.config).findtext("description", "")


@dataclass
class State:
    """The items of a server by path, and its plugins and credentials."""

    items: dict[str, Item] = field(default_factory=dict)
    plugins: dict[str, str] = field(default_factory=lambda: dict(PLUGINS))
    inactive: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """Items that the user may not see."""
    credentials: dict[str, set[str]] = field(default_factory=lambda: {"": {"azure-sp"}})
    """Ids by folder; those of the server under ""."""

    def item(self, path: str) -> Item:
        if path not in self.items:
            raise Refusal(404)
        return self.items[path]

    def path(self, names: list[str]) -> str:
        """Find the path of an item in a URL: the root ignores case, as measured on 2.528.3; a folder does not."""
        if names and (there := self._at_root(names[0])):
            names = [there, *names[1:]]
        return "/".join(names)

    def _at_root(self, name: str) -> str | None:
        if name in self.items:
            return name
        return next((path for path in self.items if "/" not in path and path.lower() == name.lower()), None)

    def script(self, path: str) -> str:
        return parsed(self.items[path].config).findtext("definition/script", "")

    def create(self, folder: str, name: str, xml: str) -> None:
        if folder and (folder not in self.items or self.items[folder].kind != FOLDER):
            raise Refusal(404)
        if found := re.search(r"[?*/\\%!@#$^&|<>\[\]:;]", name):
            raise Refusal(400, f"{found[0]}  is an unsafe character")
        path = f"{folder}/{name}".lstrip("/")
        if path in self.items or (not folder and self._at_root(name)):
            raise Refusal(400, f"A job already exists with the name  {name} ")
        self.items[path] = Item(name, self._accepted(xml))

    def configure(self, path: str, xml: str) -> None:
        item = self.item(path)
        config = self._accepted(xml)
        if CLASSES[parsed(config).tag] != item.kind:
            raise Refusal(
                500,
                f"java.io.IOException: Expecting {item.kind} but got {CLASSES[parsed(config).tag]} instead\n"
                "\tat hudson.model.AbstractItem.updateByXml(AbstractItem.java:847)",
            )
        item.config = config

    def disable(self, path: str) -> None:
        item = self.item(path)
        root = parsed(item.config)
        disabled = root.find("disabled")
        (disabled if disabled is not None else ET.SubElement(root, "disabled")).text = "true"
        item.config = written(root)

    def delete(self, path: str) -> None:
        self.item(path)
        for each in [each for each in self.items if each == path or each.startswith(f"{path}/")]:
            del self.items[each]

    def children(self, folder: str) -> dict[str, Item]:
        prefix = f"{folder}/" if folder else ""
        return {p: i for p, i in self.items.items() if p.startswith(prefix) and "/" not in p[len(prefix) :]}

    def listing(self, folder: str, fields: set[str], depth: int, url: str) -> list[dict[str, Any]]:
        """Return the items of a folder as the tree query does."""
        found: list[dict[str, Any]] = []
        for path, item in self.children(folder).items():
            if path in self.hidden:
                continue
            own = f"{url}job/{item.name}/"
            facts = {"name": item.name, "url": own, "description": item.description}
            entry: dict[str, Any] = {"_class": item.kind, **{key: facts[key] for key in facts if key in fields}}
            if item.kind == FOLDER and depth > 1:
                entry["jobs"] = self.listing(path, fields, depth - 1, own)
            elif "color" in fields and item.kind != FOLDER:
                entry["color"] = "notbuilt"
            found.append(entry)
        return found

    @staticmethod
    def _accepted(xml: str) -> str:
        try:
            config = as_posted(xml)
        except ET.ParseError as error:
            raise Refusal(
                500,
                f"org.xml.sax.SAXParseException; {error}\nCaused: javax.xml.transform.TransformerException: {error}\n"
                "\tat jenkins.util.xml.XMLUtils._transform(XMLUtils.java:78)",
            ) from error
        root = parsed(config).tag
        if root not in CLASSES:
            raise Refusal(
                500,
                f"com.thoughtworks.xstream.mapper.CannotResolveClassException: {root}\n"
                "\tat com.thoughtworks.xstream.mapper.DefaultMapper.realClass(DefaultMapper.java:81)",
            )
        return config


def lint(script: str) -> list[dict[str, str]]:
    """Find faults of a declarative pipeline, with the server's messages; it knows the most common ones."""
    if not re.search(r"^\s*pipeline\s*\{", script, re.MULTILINE):
        return [{"error": f"Jenkinsfile content '{script}' did not contain the 'pipeline' step"}]
    bare = re.sub(
        r"'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|//[^\n]*", "", script, flags=re.DOTALL
    )
    if bare.count("{") > bare.count("}"):
        lines = script.split("\n")
        return [{"error": f"expecting '}}', found '' @ line {len(lines)}, column {len(lines[-1]) + 1}."}]
    for found in re.finditer(r"\boptions\s*\{\s*(\w+)", script):
        if found[1] not in OPTIONS.split(", "):
            before = script[: found.start(1)].split("\n")
            place = f"@ line {len(before)}, column {len(before[-1]) + 1}."
            return [{"error": f'Invalid option type "{found[1]}". Valid option types: [{OPTIONS}] {place}'}]
    return []
