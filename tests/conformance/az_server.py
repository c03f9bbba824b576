"""Runs commands of the real ``az`` one after the other in one process, because starting ``az`` takes most of its time.

It is run by the Python that azure-cli is installed in, with the path of a socket: ``python az_server.py SOCKET``. A
client sends one line of JSON (``args``, ``cwd``, ``environment``) and gets one (``code``, ``out``, ``err``).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import socket
import sys
from typing import Any


def serve(path: str) -> None:
    """Answer one client after the other, until a client closes its connection without a request."""
    errors = io.StringIO()  # one for all: loggers keep the stream that they found first
    with socket.socket(socket.AF_UNIX) as listener, contextlib.redirect_stderr(errors):
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as stream:
                line = stream.readline()
                if not line:
                    return
                stream.write(json.dumps(_invoked(json.loads(line), errors)) + "\n")


def _invoked(asked: Any, errors: io.StringIO) -> dict[str, Any]:
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    errors.seek(0)
    errors.truncate()
    out = io.StringIO()
    try:
        code = importlib.import_module("azure.cli.core").get_default_cli().invoke(asked["args"], out_file=out)
    except SystemExit as ended:
        code = ended.code
    return {"code": code, "out": out.getvalue(), "err": errors.getvalue()}


if __name__ == "__main__":
    serve(sys.argv[1])
