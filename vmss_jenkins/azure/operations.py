"""Long-running operations of Azure, asked one step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from azure.mgmt.core.polling.arm_polling import ARMPolling

from vmss_jenkins.azure.errors import retry_after_of


class SteppedPolling(ARMPolling):
    """The SDK's reading of long-running operations, with the loop left to the engine and its clock."""

    def run(self) -> None:
        """Leave the polling to `AzureScaleSets.poll`."""

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
        """Seconds that the last answer asked to wait; None where it did not."""
        return retry_after_of(self.polling.response.headers)
