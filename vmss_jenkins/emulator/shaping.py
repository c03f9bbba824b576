"""What every view of the state needs: statuses, and bodies without their secrets."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.state import timestamp

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state import Json

_SECRETS = frozenset({"protectedSettings", "adminPassword", "customData"})


def status(state: str, when: float) -> Json:
    """Return a provisioning state, such as Succeeded, as instance views have it."""
    return {
        "code": f"ProvisioningState/{state.lower()}",
        "level": "Error" if state == "Failed" else "Info",
        "displayStatus": f"Provisioning {state.lower()}",
        "time": timestamp(when),
    }


def public(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    """Return a deep copy without what Azure accepts and never shows."""
    if isinstance(value, dict):
        return {key: public(item) for key, item in value.items() if key not in _SECRETS}
    return [public(item) for item in value] if isinstance(value, list) else copy.copy(value)
