"""Blobs, as far as scripts of extensions need them: put one into a container, get it again.

An account's URL is ``ENDPOINT/_emulator/blobs/ACCOUNT``. The account is ``scripts`` and has two containers: ``init``,
which everybody may read, and ``private``, read with a SAS token or by a managed identity. No signature is checked:
that there is one is. Neither faults nor the emulated time reach here, so that instances may fetch at any moment.
"""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime

import flask

PATH = "/_emulator/blobs/<account>/<container>/<path:blob>"
ACCOUNT = "scripts"
_PUBLIC = {"init": True, "private": False}


def add_blobs(app: flask.Flask) -> None:
    """Serve blobs on the application."""
    kept: dict[tuple[str, str], bytes] = {}

    def put_blob(account: str, container: str, blob: str) -> flask.Response:
        if account != ACCOUNT or container not in _PUBLIC:
            return _refused(404, "ContainerNotFound")
        if not _authorized():
            return _refused(401, "NoAuthenticationInformation")
        if flask.request.headers.get("If-None-Match") == "*" and (container, blob) in kept:
            return _refused(409, "BlobAlreadyExists")
        kept[container, blob] = flask.request.get_data()
        changed = format_datetime(datetime.now(timezone.utc), usegmt=True)
        return flask.Response(status=201, headers={"ETag": '"1"', "Last-Modified": changed})

    def get_blob(account: str, container: str, blob: str) -> flask.Response:
        if account != ACCOUNT or not (_PUBLIC.get(container) or _authorized()):
            return _refused(404, "ResourceNotFound")
        if (container, blob) not in kept:
            return _refused(404, "BlobNotFound")
        return flask.Response(kept[container, blob], mimetype="text/plain")

    app.add_url_rule(PATH, view_func=put_blob, methods=["PUT"])
    app.add_url_rule(PATH, view_func=get_blob, methods=["GET"])


def _authorized() -> bool:
    return bool(flask.request.headers.get("Authorization") or flask.request.args.get("sig"))


def _refused(status: int, code: str) -> flask.Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return flask.Response(body, status, {"x-ms-error-code": code}, mimetype="application/xml")
