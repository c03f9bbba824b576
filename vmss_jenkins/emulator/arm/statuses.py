"""The statuses that views of the state show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.values import timestamp

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json


def status(state: str, when: float) -> Json:
    """Return a provisioning state, such as Succeeded, as instance views have it."""
    return {
        "code": f"ProvisioningState/{state.lower()}",
        "level": "Error" if state == "Failed" else "Info",
        "displayStatus": f"Provisioning {state.lower()}",
        "time": timestamp(when),
    }
