"""The port through which instances download the files of ``fileUris``; ``runtime.http_download`` implements it."""

from __future__ import annotations

from typing import Protocol


class Download(Protocol):
    """Returns the text of a file by its URL; raises ``DownloadError``."""

    def __call__(self, url: str, *, identity: bool = False) -> str:
        """Return the text; with ``identity`` the request carries a token of the set's managed identity."""
        ...


class DownloadError(Exception):
    """A file could not be downloaded; the message is the reason, as the extension reports it."""
