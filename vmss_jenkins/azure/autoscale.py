"""Whether autoscale acts on a set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError as SdkError
from azure.core.rest import HttpRequest


def enabled_autoscale(send: Callable[[HttpRequest], Any], endpoint: str, set_id: str) -> tuple[str, ...] | None:
    """Name the enabled autoscale settings that target a set; None if they cannot be read.

    One request does not justify another SDK
    (https://learn.microsoft.com/rest/api/monitor/autoscale-settings/list-by-resource-group).

    Args:
        send: sends a request as the SDK's client does, with its credential.
        endpoint: the URL of Azure Resource Manager.
        set_id: the set's ARM id.
    """
    group = set_id.rpartition("/providers/Microsoft.Compute/")[0]
    url = f"{endpoint}{group}/providers/Microsoft.Insights/autoscalesettings?api-version=2022-10-01"
    try:
        answer = send(HttpRequest("GET", url))
        answer.raise_for_status()
        values = answer.json()["value"]
    except (SdkError, ValueError, KeyError):
        return None
    return tuple(
        value["name"]
        for value in values
        if value["properties"].get("enabled")
        and value["properties"].get("targetResourceUri", "").lower() == set_id.lower()
    )
