"""A certificate for this machine and its certificate authority, both made for one run."""

from __future__ import annotations

import ssl
from pathlib import Path

from vmss_jenkins.emulator.state.servers import HOST

CA_FILE = "ca.pem"


def create(folder: str) -> ssl.SSLContext:
    """Return a server's TLS context, and write the authority's certificate to ``CA_FILE`` in the folder."""
    import trustme  # noqa: PLC0415 - it is slow to load, and plain HTTP does not need it

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(Path(folder) / CA_FILE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    return context
