"""Blobs, as far as the scripts of extensions need them: put one into a container, and get it.

An account's URL is ``ENDPOINT/_emulator/blobs/ACCOUNT``. The account is ``scripts`` and has two containers: ``init``,
which everybody may read, and ``private``, which needs a SAS token or a managed identity. The emulator checks that
there is a signature, not that it is valid. Faults and the emulated time do not apply here, so that instances may fetch
at any time.
"""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

PREFIX = "/_emulator/blobs/"
PATH = PREFIX + "<account>/<container>/<path:blob>"
ACCOUNT = "scripts"
_PUBLIC = {"init": True, "private": False}


class Blobs:
    """The blobs of one emulator, for as long as it runs."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    @property
    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        """Method, path and handler; a handler gets the request and the variable parts of the path."""
        return [("PUT", PATH, self.put), ("GET", PATH, self.get)]

    def put(self, request: Request, account: str, container: str, blob: str) -> Response:
        """Put a blob."""
        if account != ACCOUNT or container not in _PUBLIC:
            return _refused(404, "ContainerNotFound")
        if not _authorized(request):
            return _refused(401, "NoAuthenticationInformation")
        if request.headers.get("If-None-Match") == "*" and (container, blob) in self._kept:
            return _refused(409, "BlobAlreadyExists")
        self._kept[container, blob] = request.get_data()
        changed = format_datetime(datetime.now(timezone.utc), usegmt=True)
        return Response(status=201, headers={"ETag": '"1"', "Last-Modified": changed})

    def get(self, request: Request, account: str, container: str, blob: str) -> Response:
        """Get a blob."""
        if account != ACCOUNT or not (_PUBLIC.get(container) or _authorized(request)):
            return _refused(404, "ResourceNotFound")
        if (container, blob) not in self._kept:
            return _refused(404, "BlobNotFound")
        return Response(self._kept[container, blob], mimetype="text/plain")


def _authorized(request: Request) -> bool:
    return bool(request.headers.get("Authorization") or request.args.get("sig"))


def _refused(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Response(body, status, {"x-ms-error-code": code}, mimetype="application/xml")
