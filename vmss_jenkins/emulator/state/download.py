"""How the files of ``fileUris`` come to an instance; ``runtime.http_download`` really fetches them."""

from __future__ import annotations

from typing import Protocol


class Download(Protocol):
    """What gets the text of a file by its URL; it raises ``DownloadError``."""

    def __call__(self, url: str, *, identity: bool = False) -> str:
        """Return the text; with ``identity`` the request carries a token of the set's managed identity."""
        ...


class DownloadError(Exception):
    """A file that could not be had; the message is the reason, as the extension reports it."""
