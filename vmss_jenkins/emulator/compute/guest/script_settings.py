"""Which settings the handlers of CustomScript accept, on Linux and on Windows. Pure.

The rules and texts for Linux follow https://github.com/Azure/custom-script-extension-linux (its schema and
handlersettings), those for Windows https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-windows,
whose handler has no ``script``: it needs ``commandToExecute``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.disclosure import SEALED

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

_OWN = ("release", SEALED)
"""Keys of the emulator itself: a release of the scenario, and the secrets that a state file does not keep."""
_PUBLIC = ("commandToExecute", "script", "fileUris", "timestamp", "skipDos2Unix", *_OWN)
_PROTECTED = (
    "commandToExecute",
    "script",
    "fileUris",
    "storageAccountName",
    "storageAccountKey",
    "managedIdentity",
    *_OWN,
)


class SettingsError(Exception):
    """The handler refuses its settings, so that the extension fails on the instance."""


def check(public: Json, protected: Json, *, windows: bool) -> None:
    """Accept settings as the handler does.

    Args:
        public: The public settings.
        protected: The protected settings.
        windows: Whether it is the handler for Windows.

    Raises:
        SettingsError: The handler refuses the settings.
    """
    if windows:
        _check_windows(public, protected)
        return
    for kind, settings, known in (("public", public, _PUBLIC), ("protected", protected, _PROTECTED)):
        if unknown := next((key for key in settings if key not in known), None):
            text = f"(root): Additional property {unknown} is not allowed"
            raise SettingsError(f"failed to get configuration: invalid {kind} settings JSON: {text}")
    for key in ("commandToExecute", "script"):
        if public.get(key) and protected.get(key):
            twice = "was specified both in public and protected settings; it must be specified only once"
            raise SettingsError(f"invalid configuration: '{key}' {twice}")
    if {"commandToExecute", "script"} <= {key for part in (public, protected) for key in part if part[key]}:
        text = "'commandToExecute' and 'script' were both specified, but only one is validate at a time"
        raise SettingsError(f"invalid configuration: {text}")


def _check_windows(public: Json, protected: Json) -> None:
    given = [part for part in (public, protected) if part.get("commandToExecute")]
    if not given and not any(key in part for part in (public, protected) for key in _OWN):
        raise SettingsError("invalid configuration: 'commandToExecute' is not specified")
    if len(given) > 1:
        text = "was specified both in public and protected settings; it must be specified only once"
        raise SettingsError(f"invalid configuration: 'commandToExecute' {text}")
