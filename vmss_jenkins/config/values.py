"""The kinds of values in vmss.yaml, each with its message for a wrong value."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gates_from
from vmss_jenkins.govern.plan.windows import Window
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import InstanceIds

LONGEST = 20_000
"""Most characters of a text; a Java literal has at most 65,535 bytes."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNSAFE_IN_JOB_NAMES = '?*/\\%!@#$^&|<>[]:;"'
"""The characters that Jenkins refuses (`Jenkins.checkGoodName`), and the quote, which Windows refuses in file names."""
_NEITHER_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def text_fault(value: str, *, lines: bool = False) -> str | None:
    """Say why a text cannot be in a Jenkins job: XML 1.0 cannot hold it, or it is invisible. None if it can."""
    if len(value) > LONGEST:
        return f"found {len(value)} characters; wanted at most {LONGEST}"
    for char in value:
        if lines and char in "\n\t":
            continue
        if unicodedata.category(char) == "Cc" or _NEITHER_XML.match(char):
            return f"found the character U+{ord(char):04X}; wanted a text without control characters"
    return None


def job_name_fault(name: str) -> str | None:
    """Say why Jenkins refuses the name of a job or folder; None if it accepts it."""
    if not name or name != name.strip():
        return f"found {name!r}; wanted a name without spaces around it"
    if bad := sorted({char for char in name if char in _UNSAFE_IN_JOB_NAMES}):
        return f"found {name!r} with {' '.join(bad)}; wanted a name without it: Jenkins refuses it"
    if name.endswith("."):
        return f"found {name!r}; wanted a name without a dot at its end: Jenkins refuses it"
    if len(name.encode(errors="replace")) > 200:  # noqa: PLR2004 - a file name has 255 bytes, and ours adds to it
        return f"found a name of {len(name)} characters; wanted at most 200 bytes: it becomes a directory's name"
    return text_fault(name)


def checked(fault: Callable[[str], str | None]) -> BeforeValidator:
    """Accept a string, unless a function says what is wrong with it."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"found {value!r}; wanted a string: quote it")  # noqa: TRY004 - pydantic wants ValueError
        if reason := fault(value):
            raise ValueError(reason)
        return value

    return BeforeValidator(check)


def matches(pattern: str, wanted: str) -> Callable[[str], str | None]:
    """Make a function that says why a whole string does not match a regular expression."""

    def fault(value: str) -> str | None:
        return None if re.fullmatch(pattern, value) else f"found {shortened(value)}; wanted {wanted}"

    return fault


def _filled(value: str) -> str | None:
    return text_fault(value) if value.strip() else "found an empty string; wanted a value"


def _folder(value: str) -> str | None:
    return next((fault for part in value.split("/") if (fault := job_name_fault(part))), None) if value else None


_ALIASES = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
"""https://www.jenkins.io/doc/book/pipeline/syntax/#cron-syntax"""


def _days(value: str) -> str | None:
    try:
        Window.parse(value)
    except ConfigError as error:
        return "; ".join(error.reasons)
    return None


def _schedule(value: str) -> str | None:
    lines = [line.strip() for line in value.splitlines()]
    faults = (_cron_fault(line) for line in lines if line and not line.startswith("#"))
    return next((fault for fault in faults if fault), None) or text_fault(value, lines=True)


def _cron_fault(line: str) -> str | None:
    """Why a line is no time for Jenkins: cron's five fields in numbers, with H, an alias, or a time zone."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - a file with no schedule needs none of the two

    from croniter import croniter  # noqa: PLC0415 - as above

    zones = available_timezones()
    if line.startswith("TZ="):
        known = not zones or line.removeprefix("TZ=").strip() in zones
        return None if known else f"found {shortened(line)}; wanted a time zone, such as TZ=Europe/Berlin"
    if line in _ALIASES:
        return None
    fields = re.fullmatch(r"[0-9H*/,()\- \t]+", line, re.ASCII) and len(line.split()) == 5  # noqa: PLR2004 - cron's
    if fields and croniter.is_valid(line, hash_id=b"job"):
        return None
    return f"found {shortened(line)}; wanted five fields as in cron, such as 'H 4 * * 1', or @daily"


def shortened(value: object) -> str:
    """Write a value for a message; cut it if it is long."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."  # noqa: PLR2004 - a line of a terminal


def _seconds(value: object) -> float:
    found = (
        re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([smhd])\s*", value, re.ASCII) if isinstance(value, str) else None
    )
    if found:
        return float(found[1]) * _UNITS[found[2]]
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    if 0 <= number <= 10**9:
        return number
    raise ValueError(f"found {shortened(value)}; wanted seconds, such as 30, 30s, 5m, 2h or 1d")


def _amount(value: object) -> str:
    text = str(value).replace(" ", "") if isinstance(value, int | str) and not isinstance(value, bool) else ""
    found = re.fullmatch(r"([0-9]{1,9})(%?)", text, re.ASCII)
    if found and int(found[1]) >= 1 and not (found[2] and int(found[1]) > 100):  # noqa: PLR2004 - percent
        return f"{int(found[1])}{found[2]}"
    raise ValueError(f"found {shortened(value)}; wanted a count such as 1, or a percentage from 1% to 100%")


_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
PINNED = "vmss-jenkins @ file:///DIRECTORY/vmss_jenkins-0.1.0-py3-none-any.whl"
"""How vmss-jenkins is named while it is not published: by a wheel on the agent."""
_REQUIREMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9._,-]+\])?\s*(?:==\s*[A-Za-z0-9.!+_-]+|@\s*[a-z+]+://\S+)"

Text: TypeAlias = Annotated[str, checked(_filled)]
Prose: TypeAlias = Annotated[str, checked(lambda value: text_fault(value, lines=True))]
JobName: TypeAlias = Annotated[str, checked(job_name_fault)]
Folder: TypeAlias = Annotated[str, checked(_folder)]
Days: TypeAlias = Annotated[str, checked(_days)]
Schedule: TypeAlias = Annotated[str, checked(_schedule)]
Guid: TypeAlias = Annotated[str, checked(matches(_GUID, "a GUID"))]
SetName: TypeAlias = Annotated[
    str, checked(matches(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", "a scale set's name: letters, digits, '_', '.', '-'"))
]
GroupName: TypeAlias = Annotated[
    str,
    checked(matches(r"[-\w.()]{0,89}[-\w()]", "a resource group's name: letters, digits, '_', '-', '.', '(', ')'")),
]
ResourceName: TypeAlias = Annotated[
    str, checked(matches(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", "an Azure name: letters, digits, '_', '.', '-'"))
]
LoadBalancer: TypeAlias = Annotated[
    str,
    checked(
        matches(
            r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
            rf"|/subscriptions/{_GUID}/resourceGroups/[-\w.()]{{1,90}}/providers/Microsoft\.Network/loadBalancers"
            r"/[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}",
            "a load balancer's name, or its ARM id if it is in another resource group",
        )
    ),
]
Requirement: TypeAlias = Annotated[str, checked(matches(_REQUIREMENT, f"a pinned requirement such as {PINNED}"))]
ContainerImage: TypeAlias = Annotated[
    str, checked(matches(r"[A-Za-z0-9][\w.:/@-]{0,400}", "a container image such as registry/name:tag"))
]
Seconds: TypeAlias = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?[smhd]$"}]}
    ),
]
Amount: TypeAlias = Annotated[
    str,
    BeforeValidator(_amount),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+%?$"}]}),
]


def as_tuple(value: Any) -> Any:  # noqa: ANN401 - before validation it may be anything
    """Turn a YAML list into a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _gate(value: object) -> str:
    """Read a gate from a line or a mapping; return the line that `--gate` takes."""
    if not isinstance(value, str | Mapping):
        raise ValueError(f"found {value!r}; wanted a gate such as 'http path=/health'")  # noqa: TRY004 - as above
    try:
        gates_from([value])
    except ConfigError as error:
        raise ValueError("; ".join(error.reasons)) from None
    line = value if isinstance(value, str) else gate_line(value)
    if reason := text_fault(line, lines=True):
        raise ValueError(reason)
    return line


def gate_line(gate: Mapping[str, object]) -> str:
    """Write a gate's mapping as the line that `--gate` takes."""
    given = {str(key).strip().replace("-", "_"): value for key, value in gate.items()}
    words = [f"{key}={_word(key, value)}" for key, value in given.items() if key != "gate"]
    return shlex.join([str(given["gate"]), *words])


def _word(key: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return shlex.join(map(str, value)) if key == "run" else ",".join(map(str, value))
    return str(value)


def _image(value: object) -> str:
    try:
        given = str(value)
        image = ImageReference.parse_urn(given) if ":" in given and "/" not in given else ImageReference(id=given)
    except ConfigError as error:
        raise ValueError("; ".join(error.reasons)) from None
    if reason := text_fault(given):
        raise ValueError(reason)
    return str(image)


def _ids(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}; wanted ids in one string such as '0,1'")  # noqa: TRY004 - as above
    try:
        ids = ",".join(part.strip() for part in str(InstanceIds.parse(value)).split(","))
    except ConfigError as error:
        raise ValueError("; ".join(error.reasons)) from None
    if reason := text_fault(ids):
        raise ValueError(reason)
    return ids


_TEXT_SCHEMA = WithJsonSchema({"type": "string"})
Gate: TypeAlias = Annotated[
    str,
    BeforeValidator(_gate),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "required": ["gate"]}]}),
]
Image: TypeAlias = Annotated[str, BeforeValidator(_image), _TEXT_SCHEMA]
Ids: TypeAlias = Annotated[str, BeforeValidator(_ids), _TEXT_SCHEMA]
