"""Variables and commands that make the emulator a cloud of the ``az`` command. Values only.

The variables give ``az`` a configuration folder of its own, so that its user's clouds and logins are not touched.
"""

from __future__ import annotations

import shlex

CLOUD = "Emulator"
NO_BLOBS = "emulator.invalid"
"""The host of accounts' blobs: a name that never resolves, so that nothing leaves this machine by mistake."""


def environment(config_dir: str) -> dict[str, str]:
    """Return the variables: the folder of ``az``, and no request to any host but the emulator."""
    return {
        "AZURE_CONFIG_DIR": config_dir,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
    }


def commands(endpoint: str) -> list[str]:
    """Return the commands that register the cloud at ``endpoint`` and log in; the secret stays in its variable."""
    audience = f"{endpoint}/"
    options = {
        "resource-manager": endpoint,
        "active-directory": endpoint,
        "active-directory-resource-id": audience,
        "active-directory-graph-resource-id": audience,
        "microsoft-graph-resource-id": audience,
        "management": audience,
        "vm-image-alias-doc": f"{endpoint}/_emulator/vm-image-aliases",
    }
    credential = '--username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET"'
    endpoints = " ".join(f"--endpoint-{name} {shlex.quote(value)}" for name, value in options.items())
    return [
        f"az cloud register --name {CLOUD} {endpoints} --suffix-storage-endpoint {NO_BLOBS}",
        f"az cloud set --name {CLOUD}",
        f'az login --service-principal {credential} --tenant "$AZURE_TENANT_ID"',
    ]
