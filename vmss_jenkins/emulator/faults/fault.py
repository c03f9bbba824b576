"""The faults that a user can inject: their kinds, how they are written, when they strike. Pure."""

from __future__ import annotations

import fnmatch
import math
import re
import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Moment = Literal["request", "operation", "work", "start", "allocate", "replicate", "install"]
"""When faults may strike: before a request is carried out, when a long-running operation begins, when work on one
instance begins, when an instance comes up, when an instance needs capacity in Azure, when the replication of a version
to a region begins, and when an application is installed or updated on an instance."""

KINDS: Mapping[str, str] = {
    "error": "the request is not carried out and answers `status`",
    "expired-token": "the request answers 401 ExpiredAuthenticationToken, and every token given out has expired",
    "reset": "the connection is reset before the request is carried out",
    "lost-answer": "the request is carried out, then its connection is reset, or answered with `status` if given",
    "cut": "the answer ends in the middle of its body",
    "refuse": "the connection is reset, and for `seconds` every new one is refused",
    "stuck": "the operation, or with `instance` the work on that one, or with `region` the replication of a version "
    "there, does not end for `seconds`; never, if not given",
    "fail": "work on `instance`, or any if not given, fails; with `region` the replication of a version there; with "
    "`application` the installation of that one",
    "never-healthy": "`instance`, or any if not given, comes up and answers 503, until it is brought up again",
    "no-capacity": "Azure has no capacity in `zone` for a new instance, or to start a deallocated one",
    "evict": "Azure evicts `instance`, which must be a spot one",
    "fall-ill": "`instance` begins to answer 503, until it is brought up again",
    "delete": "somebody else deletes `instance`",
    "scale": "somebody else changes the capacity `by` instances",
    "set-image": "somebody else gives the model `image`",
    "publish": "somebody else publishes `image`, one of the scenario's that is `unpublished`",
    "withdraw": "somebody else deletes `image`, a version of a gallery or a platform image",
}
"""Every kind, and what happens. The last seven happen beside the request, which is carried out."""

_EVENTS = ("evict", "fall-ill", "delete", "scale", "set-image", "publish", "withdraw")
_NEEDED = {"error": "status", "delete": "instance", "fall-ill": "instance", "evict": "instance", "scale": "by"}
_NEEDED |= dict.fromkeys(("set-image", "publish", "withdraw"), "image")
_PLACED = ("allocate", "replicate", "install")
_STATUSES = range(400, 600)
_ALWAYS = "always"
_PLACES = ("instance", "zone", "region", "application")
_SHOWN = ("skip", "count", "status", "retry-after", *_PLACES, "seconds", "by", "image")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong on some of the occasions that match it.

    As text, for `--fault`: `KIND [METHOD] [PATH] [NAME=VALUE ...]`, a status alone means the kind `error`:

        429 POST */manualupgrade count=2 retry-after=5
        lost-answer POST */manualupgrade
        fail instance=3
        scale GET */virtualMachines skip=2 by=-1

    Raises:
        ValueError: An unknown kind, a missing field that the kind needs, or a value out of its range.
    """

    kind: str
    """One of `KINDS`."""
    method: str = "*"
    """The HTTP method of the request, or of the request that began the operation."""
    path: str = "*"
    """A shell pattern for the whole path of that request; upper and lower case are the same."""
    skip: int = 0
    """How many matching occasions pass before the first strike."""
    count: int | None = 1
    """On how many it then strikes; None (as text `always`) for all."""
    status: int = 0
    """The status of the answer, 400 to 599."""
    retry_after: float | None = None
    """Emulated seconds for the header `Retry-After`; no header if None."""
    instance: str = ""
    """The id of an instance."""
    zone: str = ""
    """An availability zone; if empty, any zone and none."""
    region: str = ""
    """The region of a version's replication, such as `westeurope`."""
    application: str = ""
    """The name of an application of a gallery, whose installation fails."""
    seconds: float | None = None
    """How long it lasts, in emulated time."""
    by: int = 0
    """The change of the capacity; negative removes instances."""
    image: str = ""
    """The name of a managed image of the group, a `gallery/definition/version`, or another key of the releases."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"there is no kind of fault {self.kind!r}; the kinds are: {', '.join(KINDS)}, and any status"
            )
        needed = _NEEDED.get(self.kind)
        if needed and not getattr(self, needed):
            raise ValueError(f"the fault {self.kind} needs {needed}=...")
        if self.status and self.status not in _STATUSES:
            raise ValueError(f"a fault's status is {self.status}; it must be from 400 to 599")
        if self.skip < 0 or (self.count is not None and self.count < 1):
            raise ValueError("a fault skips 0 or more occasions and strikes on 1 or more")
        if min(self.seconds or 0, self.retry_after or 0) < 0:
            raise ValueError("a fault's seconds and retry-after must not be negative")

    @classmethod
    def of(cls, fault: Fault | str) -> Fault:
        """Return a fault as it is, or read from text; raises ``ValueError``."""
        return cls.parse(fault) if isinstance(fault, str) else fault

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault from text; raises ``ValueError`` that says what is wrong."""
        kind, *words = shlex.split(text) or [""]
        values: dict[str, Any] = {"kind": kind}
        if kind.isascii() and kind.isdecimal():
            values = {"kind": "error", "status": kind}
        for word in words:
            name, equals, value = word.partition("=")
            if equals and re.fullmatch("[a-z-]+", name):
                values[name] = value
            elif word.isupper() and word.isalpha():
                values["method"] = word
            elif word.startswith(("/", "*")):
                values["path"] = word
            else:
                raise ValueError(
                    f"{word!r} in the fault {text!r} is not a METHOD, not a /path or */path, and not name=value"
                )
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Fault:
        """Make a fault from its fields by name, as text or as typed values; raises ``ValueError``."""
        read = {}
        for name, value in values.items():
            field = name.replace("-", "_")
            if field not in _READERS:
                raise ValueError(f"a fault has no field {name!r}; its fields are: {', '.join(_READERS)}")
            try:
                read[field] = _READERS[field](value)
            except (TypeError, ValueError):
                raise ValueError(f"{value!r} is not a value for a fault's {name}") from None
        return cls(**read)

    def __str__(self) -> str:
        named = self.kind == "error"
        words = [str(self.status) if named else self.kind, self.method, self.path]
        values = ((name, getattr(self, name.replace("-", "_"))) for name in _SHOWN if not (named and name == "status"))
        defaults = {field.name: field.default for field in fields(self)}
        words += [
            f"{name}={_ALWAYS if value is None else value}"
            for name, value in values
            if value != defaults[name.replace("-", "_")]
        ]
        return shlex.join(word for word in words if word != "*")

    @property
    def moment(self) -> Moment:
        """When it strikes."""
        if self.region:
            return "replicate"
        if self.application:
            return "install"
        if self.kind == "stuck":
            return "work" if self.instance else "operation"
        moments: Mapping[str, Moment] = {"fail": "work", "never-healthy": "start", "no-capacity": "allocate"}
        return moments.get(self.kind, "request")

    @property
    def lasts(self) -> float:
        """How many emulated seconds it lasts; infinite if not given."""
        return math.inf if self.seconds is None else self.seconds

    @property
    def request_continues(self) -> bool:
        """Whether the request is still carried out, so that further faults may strike it."""
        return self.kind in _EVENTS

    def matches(self, moment: Moment, method: str, path: str, instance: str = "", place: str = "") -> bool:
        """Return whether the fault counts an occasion."""
        return (
            moment == self.moment
            and self.method.upper() in ("*", method.upper())
            and fnmatch.fnmatchcase(path.lower(), self.path.lower())
            and (moment == "request" or self.instance.lower() in ("", instance.lower()))
            and (moment not in _PLACED or (self.region or self.application or self.zone).lower() in ("", place.lower()))
        )


def _count(value: Any) -> int | None:  # noqa: ANN401  (any JSON, or text)
    return None if value in (None, _ALWAYS) else int(value)


def _seconds(value: Any) -> float | None:  # noqa: ANN401  (any JSON, or text)
    return None if value is None else float(value)


_READERS: Mapping[str, Any] = {
    **dict.fromkeys(("kind", "method", "path", *_PLACES, "image"), str),
    **dict.fromkeys(("skip", "status", "by"), int),
    **dict.fromkeys(("seconds", "retry_after"), _seconds),
    "count": _count,
}
