"""The machines of a scale set, as far as an image must fit them: size, security type, operating system.

What the name of a size says: https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions. Which sizes boot
which generation: https://learn.microsoft.com/azure/virtual-machines/generation-2, and Azure's refusals as users
reported them; a size of which neither is known boots both, so that Azure decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

STANDARD, TRUSTED, CONFIDENTIAL = "Standard", "TrustedLaunch", "ConfidentialVM"
"""The security types of a machine profile."""

Settings = Mapping[str, str]
"""What Azure shows of an instance beside its image, and of the model: the name of a setting -> its value."""

_SIZE = re.compile(
    r"(?:standard|basic)_(?P<family>[a-z]+?)(?P<memory>s?)(?P<cpus>\d+)(?:-\d+)?(?P<features>[a-z]*)"
    r"(?P<accelerator>(?:_(?!v\d)[a-z0-9]+)*)(?:_v(?P<version>\d+))?(?:_promo)?"
)
_CONFIDENTIAL_FAMILIES = ("dc", "ec")
_FIRST_SIX = 6
"""From this version on sizes boot generation 2 only."""


@dataclass(frozen=True)
class Machine:
    """What the model of a set says of its instances beside their image."""

    size: str = ""
    """Such as `Standard_D2s_v5`; empty if it is not known."""
    security: str = STANDARD
    """`securityProfile.securityType`."""
    has_uefi: bool = False
    """Whether the model has `securityProfile.uefiSettings`."""
    system: str = ""
    """`Linux` or `Windows`; empty if the model does not tell."""
    has_profile: bool = True
    """Whether the model has an `osProfile`."""

    @property
    def architecture(self) -> str:
        """`Arm64` or `x64`, by the name of the size; empty if the name is not understood."""
        size = _SIZE.fullmatch(self.size.lower())
        return ("Arm64" if "p" in size["features"] else "x64") if size else ""

    @property
    def generations(self) -> tuple[str, ...]:
        """The generations that its size can boot; both if the name of the size does not say otherwise."""
        size = _SIZE.fullmatch(self.size.lower())
        if size is None:
            return ("V1", "V2")
        version, old = int(size["version"] or 1), not (size["memory"] or size["features"])
        if size["family"] == "a" or (old and (size["family"], version) in {("d", 1), ("d", 2), ("g", 1)}):
            return ("V1",)
        newest_only = version >= _FIRST_SIX or size["family"] in _CONFIDENTIAL_FAMILIES or "a100" in size["accelerator"]
        return ("V2",) if newest_only or self.architecture == "Arm64" else ("V1", "V2")


def differing(own: Settings, model: Settings) -> tuple[str, ...]:
    """Where an instance differs from the model, for people; empty if nothing that Azure shows differs."""
    both = ((key, own[key], value) for key, value in model.items() if key in own)
    return tuple(f"{key} {mine}, in the model {value}" for key, mine, value in both if mine.lower() != value.lower())
