"""Releases made of a script: at a URL, in the settings themselves, or of settings as they are.

The blob of a script that is uploaded is named here; `azure.scripts.blob_upload` uploads it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import GalleryApplication
from vmss_jenkins.model.extensions import choose, named_application
from vmss_jenkins.model.releases import NAME, SIGNATURE, SOURCE, Access, ExtensionSettings, Script, file_name

LARGEST_SCRIPT = 256 * 1024
"""Bytes that the extension accepts in ``script``."""
_KNOWN = frozenset({"commandToExecute", "script", "fileUris", "timestamp", "skipDos2Unix"})
_SECRET_KEYS = frozenset({"storageAccountName", "storageAccountKey", "managedIdentity"})
_LINUX_ONLY = ("script", "skipDos2Unix")
"""Settings that the handler for Windows does not know."""
POWERSHELL = "powershell -ExecutionPolicy Unrestricted -File {script}"
"""What instances run by default if the script is a PowerShell file."""
_FILE = re.compile(r"(?<!\$)\{script\}")
"""The place of the script's file in a command; `${script}` is a variable of the shell."""
_CONTAINER = re.compile(r"\$root|[a-z0-9](?:-?[a-z0-9]){2,62}")
_BLOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


@dataclass(frozen=True)
class ScriptRollout:
    """A rollout whose release is the script of the set's CustomScript extension, not an image."""

    script: Script = field(default_factory=lambda: Script(ExtensionSettings()))
    """The release with its secrets; only the secrets, if the release is the one that the model has."""
    extension: str = ""
    """The extension's name; empty for the only CustomScript extension of the set."""
    application: GalleryApplication | None = None
    """The release is this application of a gallery, not a script."""

    def release_for(self, extension: ExtensionSettings | None, scale_set_id: str = "") -> ExtensionSettings | None:
        """The release for the set's extension or application; None if the release is the one that the model has.

        Args:
            extension: what the model has of it.
            scale_set_id: the ARM id of the set, whose resource group has the gallery if none was named.
        """
        if self.application:
            wanted, known = self.application, extension.values if extension else {}
            new = wanted.entry(wanted.id_beside(scale_set_id), known)
            return ExtensionSettings.of(new, name=wanted.key_beside(scale_set_id)) if wanted.version else None
        if self.script.release.absent or extension is None:
            return None
        return self.script.with_extension_name(extension.name).release

    def chosen(
        self, scripts: Iterable[ExtensionSettings], applications: Iterable[ExtensionSettings], scale_set_id: str
    ) -> ExtensionSettings:
        """What a set's model has of the release's application or extension.

        Args:
            scripts: the CustomScript extensions of the model.
            applications: the applications of the model.
            scale_set_id: as `release_for`.

        Raises:
            ConfigError: if the set has several CustomScript extensions and none is named, and as `named_application`.
        """
        if self.application:
            return named_application(applications, self.application, scale_set_id)
        return choose(scripts, self.extension)


def from_url(url: str, access: Access = Access.PUBLIC, command: str = "", tag: str = "") -> Script:
    """Make a release from a script at a URL.

    Args:
        url: the script's URL; with its signature for `Access.SAS`.
        access: how they may read it.
        command: what instances run, with `{script}` for the script's file; by default `bash {script}`, or
            PowerShell for a file `*.ps1`.
        tag: the force-update tag: with a new tag the extension runs again although nothing else changed.

    Raises:
        ConfigError: for a bad URL, a bad file name in it, or a URL that does not fit the access.
    """
    if faults := (*_url_faults(url, access), *_tag_faults(tag)):
        raise ConfigError("script URL", faults)
    default = POWERSHELL if file_name(url).lower().endswith(".ps1") else "bash {script}"
    run = _FILE.sub(shlex.quote(file_name(url)), command or default)
    bare, _, signature = url.partition("?")
    if access is Access.SAS:
        marked = " ".join(filter(None, [access.value, bare, tag]))
        return Script(ExtensionSettings.of({"commandToExecute": run}, force_update_tag=marked), signature=signature)
    marked = tag if access is Access.PUBLIC else " ".join(filter(None, [access.value, tag]))
    return Script(ExtensionSettings.of({"commandToExecute": run, "fileUris": [url]}, force_update_tag=marked))


def _url_faults(url: str, access: Access) -> Iterable[str]:
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        yield f"found {shown!r}; wanted https://HOST/PATH"
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", file_name(url)):
        yield f"the file name in {shown!r} is not allowed; allowed are letters, digits, '.', '_' and '-'"
    if parts.query and access is not Access.SAS:
        yield f"{shown!r} has a query, which may be a signature and would be shown; give --access sas to keep it secret"
    if not parts.query and access is Access.SAS:
        yield f"{shown!r} has no signature; give the URL with its SAS token, or another --access"


def inline(text: str, tag: str = "") -> Script:
    """Make a release from a script that is written into the settings: no storage is needed.

    Raises:
        ConfigError: if the script is empty or too large.
    """
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if faults := [*_tag_faults(tag), *([] if text.strip() else ["it is empty"])]:
        raise ConfigError("script", faults)
    if len(packed) > LARGEST_SCRIPT:
        reason = f"it has {len(packed)} bytes packed; the extension accepts {LARGEST_SCRIPT}"
        raise ConfigError("script", [f"{reason}: upload it with --container URL"])
    return Script(ExtensionSettings.of({"script": packed}, force_update_tag=tag))


def from_settings(
    settings: Mapping[str, Any], protected: Mapping[str, Any] | None = None, tag: str = "", name: str = NAME
) -> Script:
    """Make a release from settings.

    Raises:
        ConfigError: for unknown keys, secrets in the public settings, no or two commands, and protected settings
            without a force-update tag.
    """
    if faults := (*_settings_faults(settings, protected or {}, tag), *_tag_faults(tag)):
        raise ConfigError(SOURCE, faults)
    return Script(ExtensionSettings.of(settings, name=name, force_update_tag=tag), protected)


def platform_faults(script: Script, *, windows: bool) -> Iterable[str]:
    """Why the handler of the set's system cannot run a script.

    Args:
        script: the release.
        windows: whether the instances run Windows.
    """
    public, protected = script.release.values, script.protected or {}
    command = str(public.get("commandToExecute") or protected.get("commandToExecute") or "")
    upload = "give --script-url URL, or --container URL too, so that instances download the script"
    if not windows:
        if command.startswith("powershell "):
            yield f"found the command {command!r}, and the set runs Linux; give --command, such as 'pwsh {{script}}'"
        return
    if unknown := [key for key in _LINUX_ONLY if key in public or key in protected]:
        yield f"the set runs Windows, whose CustomScriptExtension does not know {' and '.join(unknown)}; {upload}"
    if command.startswith("bash "):
        yield f"found the command {command!r}, and the set runs Windows; give --command '{POWERSHELL}'"


def _tag_faults(tag: str) -> Iterable[str]:
    if ExtensionSettings(force_update_tag=tag).access is not Access.PUBLIC:
        yield f"found the force-update tag {tag!r}; a tag that starts with 'sas URL' or 'managed-identity' is reserved"


def with_secrets(script: Script, protected: Mapping[str, Any] | None) -> Script:
    """Add protected settings to a release.

    Raises:
        ConfigError: as `from_settings`.
    """
    if protected is None:
        return script
    own = script.release.protected_settings("a signature") or {}
    if faults := tuple(_settings_faults(script.release.values, {**own, **protected}, script.release.version)):
        raise ConfigError(SOURCE, faults)
    return replace(script, protected=protected)


def _settings_faults(settings: Mapping[str, Any], protected: Mapping[str, Any], tag: str) -> Iterable[str]:
    if open_secrets := sorted(_SECRET_KEYS & settings.keys()):
        yield f"{', '.join(open_secrets)} would be public; give them as protected settings"
    if unknown := sorted(settings.keys() - _KNOWN - _SECRET_KEYS):
        yield f"unknown settings {', '.join(unknown)}; known are {', '.join(sorted(_KNOWN))}"
    if any(urlsplit(str(url)).query for url in settings.get("fileUris") or ()):
        yield "a URL of fileUris has a query, which may be a signature: give fileUris as a protected setting"
    commands = [key for key in ("commandToExecute", "script") for part in (settings, protected) if part.get(key)]
    if len(commands) != 1:
        yield f"found {' and '.join(commands) or 'no command'}; wanted one of commandToExecute and script"
    if protected.keys() - {"managedIdentity"} and not tag:
        yield (
            "protected settings need a force-update tag, such as the build's number: Azure never shows them, so only "
            "the tag distinguishes two versions"
        )


def blob_name(file_name: str, content: bytes) -> str:
    """Name a blob by the script's name and a hash of its content: the same content is the same release.

    Raises:
        ConfigError: if the name has characters that need quoting in a shell or a URL.
    """
    if not _BLOB.fullmatch(file_name):
        raise ConfigError(
            "script", [f"found the file name {file_name!r}; wanted letters, digits, '.', '_' and '-', at most 200"]
        )
    stem, dot, suffix = file_name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{stem}-{digest}.{suffix}" if dot and stem else f"{file_name}-{digest}"


def check_container(url: str) -> None:
    """Refuse a URL that is not a blob container's.

    Raises:
        ConfigError: with every reason.
    """
    if reasons := container_faults(url):
        raise ConfigError("container URL", reasons)


def container_faults(url: str) -> list[str]:
    """Why a URL is not a blob container's; empty if it is one."""
    parts = urlsplit(url)
    name = parts.path.rstrip("/").rpartition("/")[2]
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    reasons = []
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        reasons.append("wanted https://ACCOUNT.blob.core.windows.net/CONTAINER")
    if not _CONTAINER.fullmatch(name):
        reasons.append(
            f"found the container name {name!r}; wanted 3 to 63 lower-case letters, digits and single dashes"
        )
    if parts.query:
        reasons.append(f"it has a query, which may be a signature: set it in the environment variable {SIGNATURE}")
    return reasons
