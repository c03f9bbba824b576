"""What a release is: an image, the settings of the CustomScript extension, or a gallery application of the model.

The shapes are those of https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux (``fileUris``
and ``commandToExecute``, or ``script``) and of `VirtualMachineScaleSetExtension` in Azure's compute API.
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
from vmss_jenkins.model import applications
from vmss_jenkins.model.applications import PACKAGE
from vmss_jenkins.model.images import ImageReference

NAME = "CustomScript"
SOURCE = "script extension"
SIGNATURE = "AZURE_STORAGE_SAS_TOKEN"
"""The environment variable with the SAS token by which instances read a script, for `Access.SAS`."""
_TYPES = frozenset({"customscript", "customscriptextension", "customscriptforlinux"})
_MARK = re.compile(r"(?:sas (?P<url>https?://\S+)|managed-identity)(?: (?P<version>.*))?", re.DOTALL)
"""A force-update tag that names an access; any other tag was given by a user."""
_SHOWN = 40


class Access(Enum):
    """How an instance may read the script at its URL.

    An access other than `PUBLIC` writes protected settings, which must be removed when the access changes. Azure never
    shows them, so the force-update tag, which Azure shows, names the access: `sas URL TAG`, `managed-identity TAG`.
    """

    PUBLIC = "public"
    SAS = "sas"
    """The URL has a signature, so it is a secret and goes into the protected settings."""
    MANAGED_IDENTITY = "managed-identity"
    """The set's system-assigned identity may read the blob."""


@dataclass(frozen=True)
class ExtensionSettings:
    """The public settings and the force-update tag of a CustomScript extension, never its protected settings.

    Or the entry of an application in the model: `of_application`. The model names both, and no instance shows them.

    Two with the same settings and tag are the same release. Azure never shows protected settings, so only the tag
    distinguishes two versions of them.
    """

    name: str = NAME
    settings: str = ""
    """Its public settings, as JSON with sorted keys; empty if there is no such extension."""
    force_update_tag: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, name: str = NAME, force_update_tag: str = "") -> ExtensionSettings:
        """Make one from public settings."""
        return cls(name, json.dumps(settings, sort_keys=True), force_update_tag)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ExtensionSettings | None:
        """Read an extension of a set's model; None if it is not CustomScript."""
        properties = body.get("properties") or {}
        if str(properties.get("type") or "").lower() not in _TYPES:
            return None
        tag = str(properties.get("forceUpdateTag") or "")
        return cls.of(properties.get("settings") or {}, name=str(body.get("name")), force_update_tag=tag)

    @classmethod
    def of_application(cls, entry: Mapping[str, Any], scale_set_id: str = "") -> ExtensionSettings:
        """Read the entry of an application in the model of a set with this ARM id."""
        return cls.of(applications.lasting(entry), name=applications.key_of(str(entry.get(PACKAGE)), scale_set_id))

    @classmethod
    def no_application(cls, key: str) -> ExtensionSettings:
        """A model without an application: what a rollback from its first version goes to."""
        return cls.of({PACKAGE: ""}, name=key)

    @property
    def is_application(self) -> bool:
        """Whether it is an application of a gallery, not a script."""
        return PACKAGE in self.values

    @property
    def failure_is_ignored(self) -> bool:
        """Whether it is an application that may fail on an instance without the instance failing."""
        return bool(self.values.get(PACKAGE)) and not self.values.get(applications.FATAL)

    @property
    def kind(self) -> str:
        """The noun for it: `script` or `application`."""
        return "application" if self.is_application else "script"

    @property
    def absent(self) -> bool:
        """Whether the set has no such extension."""
        return not self.settings and not self.force_update_tag

    @property
    def hidden(self) -> bool:
        """Whether the set has the extension and Azure shows neither a setting nor a tag of it."""
        return self.settings == "{}" and not self.force_update_tag

    @property
    def values(self) -> dict[str, Any]:
        """The public settings as a mapping."""
        found: dict[str, Any] = json.loads(self.settings or "{}")
        return found

    @property
    def command_is_public(self) -> bool:
        """Whether the command is in the public settings; if not, it is in the protected ones."""
        return bool(self.values.keys() & {"commandToExecute", "script"})

    @property
    def access(self) -> Access:
        """How instances may read the script; `PUBLIC` if the tag does not say."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (Access.SAS if found["url"] else Access.MANAGED_IDENTITY) if found else Access.PUBLIC

    @property
    def signed_url(self) -> str:
        """The script's URL without its signature; empty if instances need no signature."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (found["url"] or "") if found else ""

    @property
    def version(self) -> str:
        """The force-update tag that the user gave."""
        found = _MARK.fullmatch(self.force_update_tag)
        return (found["version"] or "") if found else self.force_update_tag

    def protected_settings(self, signature: str) -> dict[str, Any] | None:
        """The protected settings that the access needs.

        Args:
            signature: the SAS token by which instances read the script.

        Returns:
            None if the access needs a signature and none is given.
        """
        if self.access is Access.SAS:
            return {"fileUris": [f"{self.signed_url}?{signature}"]} if signature else None
        return {"managedIdentity": {}} if self.access is Access.MANAGED_IDENTITY else {}

    @property
    def short_name(self) -> str:
        """The name that people use for it: the script's name, or the command, with its tag."""
        if self.absent:
            return "no script"
        if self.hidden:
            return "script in protected settings"
        if self.is_application:
            return (
                applications.short_name(str(self.values[PACKAGE]))
                or f"no application {applications.short_key(self.name)}"
            )
        files = [file_name(url) for url in self.files]
        unnamed = f"inline-{hashlib.sha256(self.settings.encode()).hexdigest()[:8]}"
        shown = ", ".join(files) or str(self.values.get("commandToExecute") or unnamed)
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
        return f"{shown} ({self.version})" if self.version else shown

    @property
    def files(self) -> tuple[str, ...]:
        """The URLs that instances download from, without signatures."""
        return tuple(map(str, self.values.get("fileUris") or filter(None, [self.signed_url])))

    @property
    def digest(self) -> str:
        """A digest that no other release has."""
        return hashlib.sha256("\n".join(_key(self)).encode()).hexdigest()

    def same_as(self, other: object) -> bool:
        """Whether both have the same name, settings and tag."""
        return isinstance(other, ExtensionSettings) and _key(self) == _key(other)

    def __str__(self) -> str:
        return json.dumps([self.name, self.values, self.force_update_tag], sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> ExtensionSettings | None:
        """Read what ``str`` wrote; None if the text is something else."""
        try:
            name, settings, tag = json.loads(text)
        except ValueError:
            return None
        return cls.of(settings, name=str(name), force_update_tag=str(tag)) if isinstance(settings, dict) else None


Release: TypeAlias = ImageReference | ExtensionSettings
"""What a rollout brings to the instances: an image or a script."""


@dataclass(frozen=True)
class Script:
    """A release by script, with its secrets, which are never shown."""

    release: ExtensionSettings
    protected: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """Protected settings of the release; None keeps those that the set has."""
    protected_before: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """Protected settings of the previous release, for a rollback: Azure never shows them."""
    signature: str = field(default="", repr=False, compare=False)
    """The SAS token by which instances read a script with `Access.SAS`, in a rollback too."""
    uploaded: bool = True
    """Whether the script was uploaded: a dry run uploads nothing."""

    def with_extension_name(self, name: str) -> Script:
        """The same script, for an extension of this name."""
        return replace(self, release=replace(self.release, name=name))

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs of its files that can be read from anywhere, with their signatures; none if only an identity can."""
        signed = (self.release.protected_settings(self.signature) or {}).get("fileUris", ())
        is_open = self.release.access is Access.PUBLIC and not self.protected
        return tuple(signed or (self.release.values.get("fileUris", ()) if is_open else ()))

    def protected_settings_for(
        self, release: ExtensionSettings, now: ExtensionSettings | None
    ) -> Mapping[str, Any] | None:
        """The protected settings to write with this release or the previous one; None keeps those that are there.

        Protected settings that the access of the model's present release needs are ours, so they are removed.

        Args:
            release: the release to write.
            now: the release that the model has.

        Raises:
            ConfigError: if instances could not read the script without a signature, or an old command would stay.
        """
        given = self.protected if release.same_as(self.release) else self.protected_before
        own = release.protected_settings(self.signature)
        if own is None and given is None:
            text = f"{release.short_name} is read with a signature, and Azure never shows the old one"
            raise ConfigError(SIGNATURE, [f"{text}: set it to a SAS token that reads {release.signed_url}"])
        scripts = now and not now.absent and not release.absent
        if given is None and now and scripts and release.command_is_public != now.command_is_public:
            fate = "would stay there beside the new one" if release.command_is_public else "is not known"
            reason = f"the old command is among the protected settings, and {fate}: give the new ones"
            raise ConfigError("protected settings", [f"{reason}; an empty object {{}} removes them"])
        if not own and given is None:
            return {} if now and now.access is not Access.PUBLIC else None
        return {**(own or {}), **(given or {})}

    def hidden_faults(self, now: ExtensionSettings | None) -> Iterable[str]:
        """What is missing to replace an extension of which Azure shows nothing.

        A new public script would be merged with the hidden command, and a rollback could not restore what nobody knows.

        Args:
            now: the release that the model has.
        """
        if now is None or not now.hidden or self.release.absent or self.release.same_as(now):
            return
        shown = f"Azure shows no setting of extension {now.name}: its script is in the protected settings"
        if self.protected is None:
            yield f"{shown}; give those of the new script: --protected-settings FILE, with {{}} in it for none"
        if not {"commandToExecute", "script"} & (self.protected_before or {}).keys():
            yield f"{shown}; a rollback needs the present ones, with their command: --previous-protected-settings FILE"

    def warnings(self, now: ExtensionSettings | None, before: ExtensionSettings | None) -> Iterable[str]:
        """What the user must know about a rollback before one is needed.

        Args:
            now: the release that the model has.
            before: the release that a rollback goes to.
        """
        if self.protected_before is not None:
            return
        if before and before.access is Access.SAS and not self.signature:
            yield f"a rollback to {before.short_name} needs a SAS token; set the environment variable {SIGNATURE}"
        kept = now is not None and now.access is Access.PUBLIC and not now.absent
        if (self.release.version and self.protected) or (kept and self.release.access is Access.SAS):
            yield (
                "the protected settings change, and Azure never shows the old ones. If the set had some, give them for "
                "a rollback: --previous-protected-settings FILE or --previous-protected-settings-env NAME; otherwise a "
                "rollback sets none"
            )


def _key(release: ExtensionSettings) -> tuple[str, str, str]:
    settings = release.settings.lower() if release.is_application else release.settings  # Azure mixes cases in ids
    return (release.name.lower(), settings, release.force_update_tag)


def file_name(url: str) -> str:
    """The file name under which an instance stores what it reads at a URL."""
    return unquote(urlsplit(url).path).rpartition("/")[2]
