"""Reads a job's config.xml: the Pipeline script that it holds, or the steps of a freestyle job."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

import defusedxml.sax
from defusedxml import DefusedXmlException

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration.calls import UPDATE, UPDATE_INSTANCES, Call, Value

PACKAGE = "com.microsoft.jenkins.vmss."
BUILDERS = {f"{PACKAGE}UpdateBuilder": UPDATE, f"{PACKAGE}UpdateInstancesBuilder": UPDATE_INSTANCES}
"""The plugin's classes in a config.xml, with the step that each one is in a Pipeline."""


@dataclass(frozen=True)
class PipelineScript:
    """The Pipeline script of a job."""

    text: str
    first_line: int
    """The line of the config.xml on which the script begins."""


def read_job(text: str, source: str) -> PipelineScript | tuple[Call, ...]:
    """Read a config.xml.

    Args:
        text: the content of the file.
        source: its name, for messages.

    Returns:
        the Pipeline script, or the plugin's build steps of a freestyle job.

    Raises:
        ConfigError: if the text is not XML, or holds neither.
    """
    job = _Job()
    try:
        # Jenkins declares XML 1.1, which no parser of Python reads.
        readable = re.sub(r"^(\s*<\?xml[^>]*version=['\"])1\.1", r"\g<1>1.0", text)
        defusedxml.sax.parse(io.BytesIO(readable.encode()), job, forbid_dtd=True)
    except (SAXException, DefusedXmlException, ValueError) as error:
        raise ConfigError(source, [f"is not XML that can be read: {error}"]) from error
    if job.script and job.script.text.strip():
        return job.script
    if job.calls:
        return tuple(job.calls)
    raise ConfigError(source, [_nothing(job.script_path)])


def _nothing(script_path: str) -> str:
    if script_path:
        return f"holds no Pipeline script; the job reads {script_path} from its repository: pass that file"
    return "holds no Pipeline script and no build step of the plugin azure-vmss; pass the config.xml of another job"


@dataclass
class _Element:
    """An element that is open; elements inside it become values once they are closed."""

    name: str
    line: int
    builder: str
    text: str = ""
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def value(self) -> Value:
        return {"kind": "map", "map": self.values} if self.values else {"kind": "text", "text": self.text.strip()}


class _Job(ContentHandler):
    """Collects what is wanted while the parser reads."""

    def __init__(self) -> None:
        super().__init__()
        self.script: PipelineScript | None = None
        self.script_path = ""
        self.calls: list[Call] = []
        self._open: list[_Element] = []

    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802 - the parser calls it by this name
        class_name = str(attrs.get("class", "")) if hasattr(attrs, "get") else ""
        builder = BUILDERS.get(name) or BUILDERS.get(class_name, "")
        self._open.append(_Element(name, self._line, builder))

    def characters(self, content: str) -> None:
        self._open[-1].text += content

    def endElement(self, name: str) -> None:  # noqa: N802 - as above
        closed = self._open.pop()
        parent = self._open[-1].name if self._open else ""
        if closed.builder:
            self.calls.append(Call(closed.builder, closed.line, closed.values, freestyle=True))
        elif name == "script" and parent == "definition":
            self.script = PipelineScript(closed.text, closed.line)
        elif name == "scriptPath":
            self.script_path = closed.text.strip()
        elif self._open:
            self._open[-1].values[name] = closed.value

    @property
    def _line(self) -> int:
        locator = self._locator  # type: ignore[attr-defined]  # the parser sets it
        return int(locator.getLineNumber())
