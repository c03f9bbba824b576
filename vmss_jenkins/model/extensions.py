"""The CustomScript extensions of a set: choose one, its handlers on Linux and Windows, and the bodies that write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import PACKAGE, GalleryApplication, short_key
from vmss_jenkins.model.releases import SOURCE, ExtensionSettings

LINUX_HANDLER = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
WINDOWS_HANDLER = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}
"""The handler that Azure runs on Windows; it has no `script` (custom-script-windows in Azure's documentation)."""

_OWN = frozenset({"settings", "protectedSettings", "forceUpdateTag", "provisioningState"})
"""The properties of an extension that a release sets, and its state."""


def other_properties(body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of an extension in a model that no release changes, such as its publisher and its type."""
    return {key: value for key, value in (body.get("properties") or {}).items() if key not in _OWN}


def choose(found: Iterable[ExtensionSettings], name: str = "") -> ExtensionSettings:
    """Choose the CustomScript extension of a set: the one with this name, or the only one.

    If the set has none, the result has the name of the extension that will be created.

    Raises:
        ConfigError: if there are several and no name is given, or none has the name: Azure allows no second
            one ("Multiple VMExtensions per handler not supported").
    """
    scripts = tuple(found)
    names = ", ".join(one.name for one in scripts)
    named = [one for one in scripts if one.name.lower() == name.lower()]
    if name and scripts and not named:
        reason = f"the set has no extension {name}, and Azure allows no second CustomScript beside {names}"
        raise ConfigError(SOURCE, [f"{reason}: give --extension {scripts[0].name}, or delete that extension first"])
    if name:
        return named[0] if named else ExtensionSettings(name)
    if len(scripts) > 1:
        raise ConfigError(
            SOURCE, [f"the set has {len(scripts)} CustomScript extensions ({names}): choose one with --extension"]
        )
    return next(iter(scripts), ExtensionSettings())


def application_of(found: Iterable[ExtensionSettings], key: str) -> ExtensionSettings:
    """The application of a set with this key; an entry without a package if the set has none."""
    return next((one for one in found if one.name == key), ExtensionSettings.no_application(key))


def named_application(
    found: Iterable[ExtensionSettings], wanted: GalleryApplication, scale_set_id: str
) -> ExtensionSettings:
    """The application of a set that a user named; as `application_of`.

    Args:
        found: the applications of the model.
        wanted: the application as it was named.
        scale_set_id: the ARM id of the set.

    Raises:
        ConfigError: if a short name may mean another gallery of the same name, whose application the model has.
    """
    present, key = tuple(found), wanted.key_beside(scale_set_id)
    chosen = application_of(present, key)
    others = [one.name for one in present if one.name != key and short_key(one.name) == short_key(key)]
    if chosen.values[PACKAGE] or wanted.group or not others:
        return chosen
    ids = " and ".join(others)
    text = f"found {wanted.without_version}, which the set has from a gallery in another resource group: {ids}"
    raise ConfigError("application", [f"{text}; give an id, of that gallery or of the one beside the set"])


def extension_body(
    release: ExtensionSettings,
    protected: Mapping[str, Any] | None,
    known: ExtensionSettings | None,
    handler: Mapping[str, Any] = LINUX_HANDLER,
) -> dict[str, Any]:
    """The body that writes an extension: all of a new one; only what changes of one that exists.

    A tag is written only if there is one to write or to remove: writing an empty tag is a change too.

    Args:
        release: the public settings and the tag.
        protected: the protected settings; None keeps those that are there.
        known: the extension in the model; None if it is new.
        handler: publisher, type and version of a new one, or all other properties of one that is replaced.
    """
    properties: dict[str, Any] = {"settings": release.values}
    if release.force_update_tag or (known and known.force_update_tag):
        properties["forceUpdateTag"] = release.force_update_tag
    if protected is not None:
        properties["protectedSettings"] = dict(protected)
    if known is None:
        properties = {"autoUpgradeMinorVersion": True, **handler, **properties}
    return {"properties": properties}
