"""The state file: a journal of requests, because the same requests at the same times lead to the same state again.

The state depends only on the options and on the requests that change it, since times and ids are drawn from a seed.
So the file keeps the requests, and a replay restores everything: operations in progress, records, and every kind of
resource that the emulator serves. Only the files that extensions download come from outside; the file keeps them too.
It has one JSON object a line. The first line has the options; each further line is a request, written in one piece
and flushed to the disk before the request is answered. A crash may leave a last line without its end; its client got
no answer, and the line is dropped.
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
"""The version of the format; raise it if old files would lead to another state."""
_KEPT_HEADERS = ("content-type", "if-match", "if-none-match", "prefer")
_UNREADABLE = "{"
"""Replaces a body that is not JSON; it is not JSON either."""
_ANOTHER = "name another file, or one that does not exist"


class StateFileError(ValueError):
    """A state file cannot be used: it is broken, not a state file, or of an emulator with other options."""


@dataclass(frozen=True)
class Request:
    """A request that may have changed something, with all that its answer depends on."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """By name in lower case."""
    body: str


@dataclass(frozen=True)
class Entry:
    """A request and the time when it was handled."""

    time: float
    """Emulated seconds since the epoch."""
    wall: float
    """The real time."""
    scale: float
    """How much faster than real time the emulated time ran."""
    status: int
    """The status of the answer."""
    request: Request


@dataclass(frozen=True)
class DownloadRecord:
    """A file that an extension downloaded, or the reason why the download failed."""

    text: str
    refused: str


@dataclass(frozen=True)
class Beginning:
    """The first line of a state file."""

    format: str
    version: int
    began: float
    """Emulated seconds since the epoch."""
    options: dict[str, Any]
    """The options on which the effects of requests depend."""
    ports: dict[str, int]
    """The ports of this machine on which load balancing rules listen."""


class Journal:
    """An open state file.

    Raises:
        StateFileError: The file is not a state file, or has other options.
        OSError: The file cannot be read or written.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self.path = path
        self.beginning: Beginning | None = None
        """None if the file is new."""
        self.entries: list[tuple[int, Entry]] = []
        """The requests that the file had when it was opened, with their line numbers."""
        self._downloads: deque[DownloadRecord] = deque()
        self._options: dict[str, Any] = orjson.loads(orjson.dumps(options, default=sorted))
        self._sealed: dict[bytes, str] = {}
        if path.exists():
            self._read(path.read_bytes())

    def begin(self, began: float, ports: Mapping[str, int]) -> None:
        """Write the first line of a new file; a failure leaves no file, never a partial one."""
        self.beginning = Beginning(FORMAT, VERSION, began, self._options, dict(ports))
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            _write(descriptor, self.beginning)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def add(self, request: Request, now: float, scale: float, status: int) -> None:
        """Write a request to the disk; ``now`` and ``scale`` are the emulated time and its speed."""
        self._append(Entry(now, time.time(), scale, status, request))

    def recording(self, download: Callable[[str], str]) -> Callable[[str], str]:
        """Return a download that first repeats the recorded downloads, then makes and records new ones."""

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
        """Return a request as the file keeps it: without tokens, and with other texts in place of secrets."""
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
        """Return the text that replaces a secret: equal for equal secrets, so that a new one changes the model."""
        return self._sealed.setdefault(orjson.dumps(secret), secrets.token_hex(8))

    def _read(self, content: bytes) -> None:
        whole = content[: content.rfind(b"\n") + 1]
        first, *others = whole.splitlines() or [content]
        self.beginning = _parsed(self.path, 1, Beginning, first)
        if self.beginning.format != FORMAT:
            raise StateFileError(f"{self.path} is not a state file of an emulator; {_ANOTHER}")
        if self.beginning.version != VERSION:
            raise StateFileError(
                f"{self.path} has version {self.beginning.version}, wanted {VERSION}: another release of the "
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
                f"{self.path} was made with {name} {found!r:.80}, and now it is {wanted!r:.80}: "
                "use the same options as then, or a new file"
            )
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))


def _difference(found: Any, wanted: Any, name: str = "") -> tuple[str, Any, Any] | None:  # noqa: ANN401  (any JSON)
    """Return the first place in which two values differ, and both values there."""
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
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - loaded only if there is a file to read

    try:
        return TypeAdapter(kind).validate_json(line)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        text = f"{path}, line {number} is not a line of a state file: {where} {fault['msg']}; {_ANOTHER}"
        raise StateFileError(text) from None
