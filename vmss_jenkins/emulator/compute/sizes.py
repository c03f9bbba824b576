"""Sizes of virtual machines: how many cores each has, and what a quota of cores allows. Pure."""

from __future__ import annotations

import re

from vmss_jenkins.emulator.arm.errors import ArmError, not_allowed

SIZES = ("Standard_B1s", "Standard_B2s", "Standard_DS1_v2", "Standard_DS2_v2", "Standard_D2s_v3", "Standard_D4s_v3")
"""The sizes that the emulator lists; a client may use any other."""

_NAME = re.compile(r"(?:Standard|Basic)_([A-Z]+)(\d+).*?(?:_v(\d+))?", re.ASCII | re.IGNORECASE)
_OLD_D = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
"""Cores by the number in the name: in the first two D series that number is not the number of cores."""
_OLD_VERSIONS = ("", "2")


def cores(size: str) -> int:
    """Return the number of cores of a size by its name; 1 if the name does not show it."""
    found = _NAME.fullmatch(size)
    if found is None:
        return 1
    series, number, version = found[1].upper(), int(found[2]), found[3] or ""
    return _OLD_D.get(number, number) if series in ("D", "DS") and version in _OLD_VERSIONS else number


def check_quota(limit: int | None, used: int, more: int, location: str) -> None:
    """Refuse ``more`` cores than the region's quota has left after the used ones; raises ``ArmError`` 409."""
    if limit is None or more <= 0 or used + more <= limit:
        return
    raise _exceeded(limit, used, more, location)


def _exceeded(limit: int, used: int, more: int, location: str) -> ArmError:
    return not_allowed(
        "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Additional "
        f"details - Deployment Model: Resource Manager, Location: {location}, Current Limit: {limit}, Current Usage: "
        f"{used}, Additional Required: {more}, (Minimum) New Limit Required: {used + more}. Submit a request for Quota "
        "increase at https://aka.ms/ProdportalCRP."
    )
