"""What a release is: an image of the model, or the settings of its CustomScript extension.

The shapes are those of the extension's schema
(https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux): ``fileUris`` and
``commandToExecute``, or ``script``; and of `VirtualMachineScaleSetExtension` in Azure's compute API.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference

NAME = "CustomScript"
PUBLISHER = "Microsoft.Azure.Extensions"
VERSION = "2.1"
SOURCE = "script extension"
SIGNATURE = "AZURE_STORAGE_SAS_TOKEN"
"""The environment variable of the token by which instances read a script, where their access is `Access.SAS`."""
_TYPES = frozenset({"customscript", "customscriptextension", "customscriptforlinux"})
_MARK = re.compile(r"(?:sas (?P<url>https?://\S+)|managed-identity)(?: (?P<version>.*))?", re.DOTALL)
"""A force-update tag that tells an access; any other one is a person's."""
_SHOWN = 40


class Access(Enum):
    """How an instance may read the script at its URL.

    What it puts into the protected settings is taken away with it again, so it must be known: all but `PUBLIC` begin
    the force-update tag, `sas URL TAG` and `managed-identity TAG`, which Azure shows and the protected settings not.
    """

    PUBLIC = "public"
    SAS = "sas"
    """The URL carries a signature, so it is a secret: it goes into the protected settings."""
    MANAGED_IDENTITY = "managed-identity"
    """The set's system-assigned identity may read the blob."""


@dataclass(frozen=True)
class ExtensionSettings:
    """What a CustomScript extension is told in the open; its protected settings are never part of it.

    Two are the same release where they tell the same. Azure never shows protected settings, so the tag tells one
    version of those from the next.
    """

    name: str = NAME
    settings: str = "{}"
    """Its public settings, as JSON with sorted keys."""
    force_update_tag: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, name: str = NAME, force_update_tag: str = "") -> ExtensionSettings:
        """Make one of public settings as a mapping."""
        return cls(name, json.dumps(settings, sort_keys=True), force_update_tag)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ExtensionSettings | None:
        """Read an extension of a set's model; None where it is no CustomScript."""
        properties = body.get("properties") or {}
        if str(properties.get("type") or "").lower() not in _TYPES:
            return None
        tag = str(properties.get("forceUpdateTag") or "")
        return cls.of(properties.get("settings") or {}, name=str(body.get("name")), force_update_tag=tag)

    @property
    def absent(self) -> bool:
        """Whether it stands for a set that has no such extension."""
        return self.settings == "{}" and not self.force_update_tag

    @property
    def values(self) -> dict[str, Any]:
        """The public settings as a mapping."""
        found: dict[str, Any] = json.loads(self.settings)
        return found

    @property
    def in_open(self) -> bool:
        """Whether what runs is in the public settings; else it is among the protected ones."""
        return bool(self.values.keys() & {"commandToExecute", "script"})

    @property
    def access(self) -> Access:
        """How instances may read the script; `PUBLIC` too where nobody knows."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (Access.SAS if found["url"] else Access.MANAGED_IDENTITY) if found else Access.PUBLIC

    @property
    def signed_url(self) -> str:
        """The URL to which instances are given a signature, without it; empty where they need none."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (found["url"] or "") if found else ""

    @property
    def version(self) -> str:
        """The force-update tag that a person gave."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (found["version"] or "") if found else self.force_update_tag

    def protection(self, signature: str) -> dict[str, Any] | None:
        """What its access puts into the protected settings.

        Args:
            signature: the SAS token by which the script is read.

        Returns:
            None where that needs a signature and there is none.
        """
        if self.access is Access.SAS:
            return {"fileUris": [f"{self.signed_url}?{signature}"]} if signature else None
        return {"managedIdentity": {}} if self.access is Access.MANAGED_IDENTITY else {}

    @property
    def short_name(self) -> str:
        """The part that a person knows it by: the script's name, or the command, with its tag."""
        if self.absent:
            return "no script"
        files = [file_name(str(url)) for url in self.values.get("fileUris") or filter(None, [self.signed_url])]
        unnamed = f"inline-{hashlib.sha256(self.settings.encode()).hexdigest()[:8]}"
        told = ", ".join(files) or str(self.values.get("commandToExecute") or unnamed)
        told = told if len(told) <= _SHOWN else f"{told[: _SHOWN - 3]}..."
        return f"{told} ({self.version})" if self.version else told

    @property
    def digest(self) -> str:
        """What tells it from every other one."""
        return hashlib.sha256("\n".join(_key(self)).encode()).hexdigest()

    def same_as(self, other: object) -> bool:
        """Whether both tell the same to an extension of the same name."""
        return isinstance(other, ExtensionSettings) and _key(self) == _key(other)

    def __str__(self) -> str:
        return json.dumps([self.name, self.values, self.force_update_tag], sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> ExtensionSettings | None:
        """Read what ``str`` wrote; None where it is none of ours."""
        try:
            name, settings, tag = json.loads(text)
        except ValueError:
            return None
        return cls.of(settings, name=str(name), force_update_tag=str(tag)) if isinstance(settings, dict) else None


Release: TypeAlias = ImageReference | ExtensionSettings
"""What a rollout brings to the instances."""


@dataclass(frozen=True)
class Script:
    """A release by script, with the secrets that go along and are shown to nobody."""

    release: ExtensionSettings
    protected: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """Protected settings of the release; None leaves those that the set has."""
    protected_before: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """Those of the release before, for the way back: Azure never shows them."""
    signature: str = field(default="", repr=False, compare=False)
    """The SAS token with which a script that is read so can be read again on the way back."""
    uploaded: bool = True
    """Whether it is where it is said to be: a dry run uploads nothing."""

    def named(self, name: str) -> Script:
        """The same under the name that a set's extension has."""
        return replace(self, release=replace(self.release, name=name))

    @property
    def urls(self) -> tuple[str, ...]:
        """Where its files can be looked at from anywhere, signatures and all; those that an identity reads cannot."""
        signed = (self.release.protection(self.signature) or {}).get("fileUris", ())
        is_open = self.release.access is Access.PUBLIC and not self.protected
        return tuple(signed or (self.release.values.get("fileUris", ()) if is_open else ()))

    def protection_of(self, release: ExtensionSettings, now: ExtensionSettings | None) -> Mapping[str, Any] | None:
        """The protected settings to write with a release, this one or the one before; None for those that are there.

        What is there is known to be our own where the model's release has an access that needs some: that goes.

        Args:
            release: what is to be set.
            now: what the model has.

        Raises:
            ConfigError: where instances could not read the script, since the signature is not known.
        """
        given = self.protected if release.same_as(self.release) else self.protected_before
        own = release.protection(self.signature)
        if own is None and given is None:
            text = f"{release.short_name} is read with a signature, and Azure never shows the old one"
            raise ConfigError(SIGNATURE, [f"{text}: set it to a SAS token that reads {release.signed_url}"])
        if given is None and now and not now.absent and not release.absent and release.in_open != now.in_open:
            where = "would stay there beside the new one" if release.in_open else "is not known"
            reason = f"the old command is among the protected settings, and {where}: give those that the set is to have"
            raise ConfigError("protected settings", [f"{reason}; an empty object {{}} takes them away"])
        if not own and given is None:
            return {} if now and now.access is not Access.PUBLIC else None
        return {**(own or {}), **(given or {})}

    def warnings(self, now: ExtensionSettings | None, before: ExtensionSettings | None) -> Iterable[str]:
        """What a person must know of the way back before it is needed.

        Args:
            now: what the model has.
            before: where the way back leads to.
        """
        if self.protected_before is not None:
            return
        if before and before.access is Access.SAS and not self.signature:
            yield f"going back to {before.short_name} needs a SAS token in {SIGNATURE}, and there is none"
        kept = now is not None and now.access is Access.PUBLIC and not now.absent
        if (self.release.version and self.protected) or (kept and self.release.access is Access.SAS):
            yield (
                "the protected settings change, and Azure never shows the old ones: where there were some, going back "
                "needs them, by --previous-protected-settings FILE or --previous-protected-settings-env NAME. Without "
                "them a rollback goes without"
            )


@dataclass(frozen=True)
class Scripted:
    """A rollout whose release is the script of the set's CustomScript extension, not an image."""

    script: Script = field(default_factory=lambda: Script(ExtensionSettings()))
    """The release with its secrets; of what the model has, the secrets alone."""
    extension: str = ""
    """The extension's name; empty for the only one of the set."""

    def release_for(self, extension: ExtensionSettings | None) -> ExtensionSettings | None:
        """The release under the name of the set's extension; None for what the model has."""
        if self.script.release.absent or extension is None:
            return None
        return self.script.named(extension.name).release


def choose(found: Iterable[ExtensionSettings], name: str = "") -> ExtensionSettings:
    """Choose the CustomScript extension of a set: the one of that name, or the only one.

    Where there is none, the answer stands for one that is still to be made.

    Raises:
        ConfigError: where there are several and none is named, or some and none of that name: Azure takes no second
            one ("Multiple VMExtensions per handler not supported").
    """
    scripts = tuple(found)
    names = ", ".join(one.name for one in scripts)
    named = [one for one in scripts if one.name.lower() == name.lower()]
    if name and scripts and not named:
        reason = f"the set has no extension {name}, and Azure takes no second CustomScript beside {names}"
        raise ConfigError(SOURCE, [f"{reason}: name that one with --extension, or delete it first"])
    if name:
        return named[0] if named else ExtensionSettings(name)
    if len(scripts) > 1:
        raise ConfigError(
            SOURCE, [f"the set has {len(scripts)} CustomScript extensions ({names}): name one with --extension"]
        )
    return next(iter(scripts), ExtensionSettings())


def extension_body(
    release: ExtensionSettings, protected: Mapping[str, Any] | None, known: ExtensionSettings | None
) -> dict[str, Any]:
    """The body that writes an extension: all of one that is not known, else what changes, so that the rest stays.

    A tag is written only where there is one to write or to take away: to write an empty one is a change too.
    """
    properties: dict[str, Any] = {"settings": release.values}
    if release.force_update_tag or (known and known.force_update_tag):
        properties["forceUpdateTag"] = release.force_update_tag
    if protected is not None:
        properties["protectedSettings"] = dict(protected)
    if known is None:
        handler = {"publisher": PUBLISHER, "type": NAME, "typeHandlerVersion": VERSION, "autoUpgradeMinorVersion": True}
        properties = {**handler, **properties}
    return {"properties": properties}


def _key(release: ExtensionSettings) -> tuple[str, str, str]:
    return (release.name.lower(), release.settings, release.force_update_tag)


def file_name(url: str) -> str:
    """The name under which an instance stores what it reads at a URL."""
    return unquote(urlsplit(url).path).rpartition("/")[2]
