"""Long-running operations of Azure, polled one step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from azure.mgmt.core.polling.arm_polling import ARMPolling

from vmss_jenkins.azure.errors import retry_after_of


class SteppedPolling(ARMPolling):
    """The SDK's handling of long-running operations, without its loop: the engine polls by its own clock."""

    def run(self) -> None:
        """Do nothing: `AzureScaleSets.poll` polls."""

    @property
    def response(self) -> Any:  # noqa: ANN401 - azure-core types its response by transport
        """The last answer."""
        return self._pipeline_response.http_response


@dataclass
class AzureOperation:
    """A long-running operation under way; satisfies `runtime.ports.Operation`."""

    action: str
    request_id: str | None
    polling: SteppedPolling = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether it ended."""
        return bool(self.polling.finished())

    @property
    def retry_after(self) -> float | None:
        """Seconds of the last answer's `Retry-After`; None if it had none."""
        return retry_after_of(self.polling.response.headers)
