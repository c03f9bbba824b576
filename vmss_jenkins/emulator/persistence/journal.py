"""What was asked of an emulator, kept in a file: the same requests at the same times lead to the same state again.

The state hangs on nothing but what it began with and the requests that change it, since times and ids are drawn from
a seed. So these are kept, and everything comes back with them: what is under way, the records, and whatever kind of
resource the emulator learns to serve. The one thing that comes from outside, files that extensions download, is kept
beside them. The file is JSON lines: the first says what it began with, each further one is
a request, written in one piece and on the disk before the request is answered. A crash in the middle of that leaves
a last line without its end; nobody has got its answer, and it is dropped.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from vmss_jenkins.emulator.arm.disclosure import sealed
from vmss_jenkins.emulator.state.download import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT = "vmss-jenkins emulator state"
VERSION = 1
"""Of the format, and of what requests lead to: raise it where old ones come out otherwise."""
_KEPT_HEADERS = ("content-type", "if-match", "if-none-match", "prefer")
_UNREADABLE = "{"
"""Stands for a body that is no JSON, and is as little."""
_ANOTHER = "name another file, or a new one"


class StateFileError(ValueError):
    """A state file cannot be used: it is broken, foreign, or of an emulator with other options."""


@dataclass(frozen=True)
class Request:
    """A request that may have changed something, with what its outcome hangs on."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: str


@dataclass(frozen=True)
class Entry:
    """A request and when it was handled."""

    time: float
    """Emulated seconds since the epoch."""
    wall: float
    """The real time."""
    scale: float
    """How much faster than it the emulated time ran."""
    status: int
    """What it was answered."""
    request: Request


@dataclass(frozen=True)
class DownloadRecord:
    """A file that an extension downloaded, or why it did not get it."""

    text: str
    refused: str


@dataclass(frozen=True)
class Beginning:
    """What a state begins with."""

    format: str
    version: int
    began: float
    """Emulated seconds since the epoch."""
    options: dict[str, Any]
    """What requests lead to hangs on these."""
    ports: dict[str, int]
    """The ports of this machine that load balancing rules got."""


class Journal:
    """An open state file.

    Raises:
        StateFileError: The file is no state, or its options are others.
        OSError: It cannot be read or written.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self.beginning: Beginning | None = None
        """None where the file is new."""
        self.entries: list[tuple[int, Entry]] = []
        """The requests that the file had when it was opened, with their lines."""
        self._downloads: deque[DownloadRecord] = deque()
        self._options: dict[str, Any] = orjson.loads(orjson.dumps(options, default=sorted))
        self._sealed: dict[bytes, str] = {}
        if path.exists():
            self._read(path.read_bytes())

    def begin(self, began: float, ports: Mapping[str, int]) -> None:
        """Write the first line of a new file; whatever happens, there is no file or a whole one."""
        self.beginning = Beginning(FORMAT, VERSION, began, self._options, dict(ports))
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            _write(descriptor, self.beginning)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def add(self, request: Request, now: float, scale: float, status: int) -> None:
        """Put a request on the disk; ``now`` and ``scale`` are the emulated time and how fast it runs."""
        self._append(Entry(now, time.time(), scale, status, request))

    def recording(self, download: Callable[[str], str]) -> Callable[[str], str]:
        """Return what downloads files as it was done before, then anew, and keeps what it gets."""

        def recorded(url: str) -> str:
            if self._downloads:
                known = self._downloads.popleft()
                if known.refused:
                    raise DownloadError(known.refused)
                return known.text
            try:
                text = download(url)
            except DownloadError as refused:
                self._append(DownloadRecord("", str(refused)))
                raise
            self._append(DownloadRecord(text, ""))
            return text

        return recorded

    def _append(self, line: Entry | DownloadRecord) -> None:
        _write(os.open(self.path, os.O_WRONLY | os.O_APPEND), line)

    def request(self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes) -> Request:
        """Return a request as it is kept: without tokens, other texts in the place of secrets."""
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in _KEPT_HEADERS}
        return Request(method, path, query, kept, self._body(content))

    def _body(self, content: bytes) -> str:
        if not content.strip():
            return ""
        try:
            return orjson.dumps(sealed(orjson.loads(content), self._seal)).decode()
        except (ValueError, TypeError):
            return _UNREADABLE

    def _seal(self, secret: Any) -> str:  # noqa: ANN401  (any JSON)
        """The same text for the same secret, so that a changed one is a change of the model here too."""
        return self._sealed.setdefault(orjson.dumps(secret), secrets.token_hex(8))

    def _read(self, content: bytes) -> None:
        whole = content[: content.rfind(b"\n") + 1]
        first, *others = whole.splitlines() or [content]
        self.beginning = _parsed(self.path, 1, Beginning, first)
        if self.beginning.format != FORMAT:
            raise StateFileError(f"{self.path} is not the state of an emulator; {_ANOTHER}")
        if self.beginning.version != VERSION:
            raise StateFileError(
                f"{self.path} is of version {self.beginning.version}, wanted {VERSION}: another release of the "
                "emulator wrote it; use that release, or a new file"
            )
        for number, line in enumerate(others, start=2):
            found: Entry | DownloadRecord = _parsed(self.path, number, Entry | DownloadRecord, line)
            if isinstance(found, Entry):
                self.entries.append((number, found))
            else:
                self._downloads.append(found)
        if difference := _difference(self.beginning.options, self._options):
            name, found, wanted = difference
            raise StateFileError(
                f"{self.path} began with {name} {found!r:.80}, and now it is {wanted!r:.80}: "
                "give the same options as then, or a new file"
            )
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))


def _difference(found: Any, wanted: Any, name: str = "") -> tuple[str, Any, Any] | None:  # noqa: ANN401  (any JSON)
    """Return where two values first differ, and what each has there."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = dict.fromkeys([*wanted, *found])
        each = (_difference(found.get(key), wanted.get(key), f"{name}.{key}".lstrip(".")) for key in keys)
        return next((one for one in each if one), None)
    return None if found == wanted else (name, found, wanted)


def _write(descriptor: int, line: Beginning | Entry | DownloadRecord) -> None:
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(orjson.dumps(asdict(line)) + b"\n")
        os.fsync(file.fileno())


def _parsed(path: Path, number: int, kind: Any, line: bytes) -> Any:  # noqa: ANN401  (a type, and a value of it)
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - loaded only where there is a file to read

    try:
        return TypeAdapter(kind).validate_json(line)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        text = f"{path}, line {number} is no part of an emulator's state: {where} {fault['msg']}; {_ANOTHER}"
        raise StateFileError(text) from None
