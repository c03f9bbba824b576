"""A certificate for this machine, and the authority that vouches for it, both made for one run."""

from __future__ import annotations

import ssl
from pathlib import Path

from vmss_jenkins.emulator.state.servers import HOST

CA_FILE = "ca.pem"


def create(folder: str) -> ssl.SSLContext:
    """Return what a server needs for TLS, and leave the authority's certificate as ``CA_FILE`` in the folder."""
    import trustme  # noqa: PLC0415 - it takes long to load, and plain HTTP needs none of it

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(Path(folder) / CA_FILE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    return context
