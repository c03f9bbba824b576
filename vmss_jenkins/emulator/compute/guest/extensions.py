"""Extensions: which a set may have, in which order they run, and how their scripts change an instance's page."""

from __future__ import annotations

import base64
import binascii
import gzip
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.bodies import EXTENSION_SETTINGS
from vmss_jenkins.emulator.arm.disclosure import SEALED
from vmss_jenkins.emulator.arm.errors import ArmError, instance_not_found, invalid_parameter
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute.guest import script_settings, scripts
from vmss_jenkins.emulator.compute.guest.script_settings import SettingsError
from vmss_jenkins.emulator.state.download import DownloadError
from vmss_jenkins.emulator.state.instance import ExtensionRun, Instance, Model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

PROPERTIES_SHAPE: Json = {
    "forceUpdateTag": str,
    "publisher": str,
    "type": str,
    "typeHandlerVersion": str,
    "autoUpgradeMinorVersion": bool,
    "enableAutomaticUpgrade": bool,
    "settings": {},
    "protectedSettings": {},
    "provisionAfterExtensions": [str],
}
SHAPE: Json = {"name": str, "properties": PROPERTIES_SHAPE}
_INPUTS = ("settings", "protectedSettings", "forceUpdateTag")
_LINUX, _WINDOWS = "customscript", "customscriptextension"
_HELP = "More information on troubleshooting is available at https://aka.ms/VMExtensionCSE{}Troubleshoot"
_GZIP = b"\x1f\x8b"


# What a set may have


def checked(extensions: list[Json]) -> None:
    """Refuse extensions that a set cannot have together; raises ``ArmError`` 400."""
    names = [_name(extension) for extension in extensions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise invalid_parameter(f"The extension name '{twice}' is used more than once.", "extensions")
    handlers: dict[tuple[str, str], str] = {}
    for extension in extensions:
        properties = extension.get("properties", {})
        key = (str(properties.get("publisher", "")), str(properties.get("type", "")))
        if (lowered := (key[0].lower(), key[1].lower())) in handlers:
            raise ArmError(
                400,
                "BadRequest",
                f"Multiple VMExtensions per handler not supported for OS type 'Linux'. VMExtension "
                f"'{extension['name']}' with handler '{key[0]}.{key[1]}' already added or specified in input.",
            )
        handlers[lowered] = extension["name"]
    in_order(extensions)


def in_order(extensions: list[Json]) -> list[Json]:
    """Return the extensions in an order in which each comes after those in its ``provisionAfterExtensions``.

    Raises:
        ArmError: 400, if an extension names one that the set does not have, or if extensions wait for each
            other. Azure documents that it refuses both; the texts are the emulator's.
    """
    waiting, done = list(extensions), list[Json]()
    known = {_name(extension) for extension in extensions}
    for extension in extensions:
        if missing := [name for name in _after(extension) if name not in known]:
            text = f"Extension '{extension['name']}' must come after '{missing[0]}', which the set does not have."
            raise invalid_parameter(text, "provisionAfterExtensions")
    while waiting:
        ready = [e for e in waiting if set(_after(e)) <= {_name(one) for one in done}]
        if not ready:
            names = ", ".join(str(extension["name"]) for extension in waiting)
            text = f"The extensions {names} wait for each other: provisionAfterExtensions is circular."
            raise invalid_parameter(text, "provisionAfterExtensions")
        done += ready
        waiting = [extension for extension in waiting if extension not in ready]
    return done


def _name(extension: Json) -> str:
    return str(extension.get("name", "")).lower()


def _after(extension: Json) -> list[str]:
    return [str(name).lower() for name in extension.get("properties", {}).get("provisionAfterExtensions", [])]


def find(scale_set: ScaleSet, name: str) -> Json:
    """Return an extension of the set's model; raises ``ArmError`` 404."""
    for extension in scale_set.model.extensions:
        if _name(extension) == name.lower():
            return extension
    raise instance_not_found()


def patched(scale_set: ScaleSet, name: str, extension: Json | None) -> Json:
    """Return the PATCH of a set that replaces the extension of that name, adds it, or with None removes it."""
    old = scale_set.model.extensions
    kept = [one for one in old if _name(one) != name.lower()]
    at = next((index for index, one in enumerate(old) if _name(one) == name.lower()), len(old))
    extensions = kept if extension is None else [*kept[:at], extension, *kept[at:]]
    return {"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": extensions}}}}


# What happens on an instance


def due(instance: Instance, model: Model) -> list[Json]:
    """Return the extensions of a model that would run on an instance: new, changed and failed ones."""
    return [e for e in in_order(model.extensions) if _is_due(instance, e)]


def _is_due(instance: Instance, extension: Json) -> bool:
    ran = instance.ran.get(_name(extension))
    return ran is None or ran.error is not None or ran.inputs != _inputs(extension)


def _inputs(extension: Json) -> Json:
    properties = extension.get("properties", {})
    return {key: properties[key] for key in _INPUTS if key in properties}


def provision(backend: Backend, instance: Instance) -> Json | None:
    """Run the extensions that are due and set what the instance serves now; return the first error, if any."""
    names = {_name(extension) for extension in instance.model.extensions}
    instance.ran = {name: ran for name, ran in instance.ran.items() if name in names}
    error: Json | None = None
    failed: set[str] = set()
    for extension in due(instance, instance.model):
        if failed & set(_after(extension)):
            failed.add(_name(extension))
            continue
        ran = _run(backend, instance, extension)
        instance.ran[_name(extension)] = ran
        if ran.error:
            failed.add(_name(extension))
            error = error or ran.error
    instance.release = _served(backend, instance, instance.model.extensions)
    return error


def fail(backend: Backend, instance: Instance, extension: Json, error: Json) -> None:
    """Record that an extension's run failed."""
    instance.ran[_name(extension)] = ExtensionRun(_inputs(extension), backend.now, error=error)


def _run(backend: Backend, instance: Instance, extension: Json) -> ExtensionRun:
    inputs = _inputs(extension)
    if not is_script(extension):
        return ExtensionRun(inputs, backend.now)
    try:
        script_settings.check(*_both(extension), windows=is_windows(extension))
        settings = _settings(extension)
        if is_windows(extension):
            settings.pop("script", None)  # this handler does not know it
        texts = _texts(backend, settings)
    except SettingsError as refusal:
        return ExtensionRun(inputs, backend.now, error=failure(instance, extension, str(refusal)))
    before = [one for one in instance.model.extensions if one is not extension]
    _, status = scripts.run(_served(backend, instance, before), texts)
    if not status:
        return ExtensionRun(inputs, backend.now, texts)
    reason = f"failed to execute command: command terminated with exit status={status}\n[stdout]\n\n[stderr]\n"
    return ExtensionRun(inputs, backend.now, texts, failure(instance, extension, reason))


def _served(backend: Backend, instance: Instance, extensions: Iterable[Json]) -> Release:
    """Return what the disk serves after the given extensions ran; only the image and the scripts decide it."""
    release = instance.disk
    for extension in in_order(instance.model.extensions):
        ran = instance.ran.get(_name(extension))
        if ran is None or extension not in extensions:
            continue
        named = _settings(extension).get("release") if is_script(extension) else None
        release = backend.scenario.releases.get(str(named), release)
        release, _ = scripts.run(release, ran.scripts)
    return release


def is_script(extension: Json) -> bool:
    """Whether it is a CustomScript extension, of Linux or of Windows."""
    return str(extension.get("properties", {}).get("type", "")).lower() == _LINUX or is_windows(extension)


def is_windows(extension: Json) -> bool:
    """Whether it is the CustomScript extension of Windows."""
    return str(extension.get("properties", {}).get("type", "")).lower() == _WINDOWS


def failure(instance: Instance, extension: Json | None, reason: str) -> Json:
    """Return the error of an instance on which an extension failed, in Azure's words."""
    name = str(extension["name"]) if extension else "healthExtension"
    message = f"VM '{instance.name}' has reported a failure when processing extension '{name}'."
    if reason:
        help_text = _HELP.format("Windows" if extension and is_windows(extension) else "Linux")
        message = f'{message[:-1]}. Error message: "Enable failed: {reason}". {help_text}'
    return {"code": "VMExtensionProvisioningError", "message": message}


def _settings(extension: Json) -> Json:
    """Return its settings as the handler reads them: if both kinds have a key, the public one counts."""
    public, protected = _both(extension)
    return {**protected, **{key: value for key, value in public.items() if value}}


def _both(extension: Json) -> tuple[Json, Json]:
    properties = extension.get("properties", {})
    public, protected = (properties.get(key) for key in EXTENSION_SETTINGS)
    return (public if isinstance(public, dict) else {}, protected if isinstance(protected, dict) else {})


def _texts(backend: Backend, settings: Json) -> tuple[str, ...]:
    command, script = settings.get("commandToExecute"), settings.get("script")
    if script:
        return (_decoded(script),)
    if "release" in settings:
        if str(settings["release"]) not in backend.scenario.releases:
            raise SettingsError(f"the scenario has no release '{settings['release']}'")
        return ()
    if SEALED in settings:
        return ()  # a command of before a restart, which no state file keeps
    if not command:
        raise SettingsError("invalid configuration: 'commandToExecute' is not specified")
    urls = [str(url) for url in settings.get("fileUris", [])]
    files = {
        url.partition("?")[0].rpartition("/")[2]: _file(backend, index, url, settings) for index, url in enumerate(urls)
    }
    return scripts.texts(str(command), files)


def _file(backend: Backend, index: int, url: str, settings: Json) -> str:
    try:
        return backend.download(url, identity=True) if "managedIdentity" in settings else backend.download(url)
    except DownloadError as reason:
        raise SettingsError(f"processing file downloads failed: failed to download file[{index}]: {reason}") from None


def _decoded(script: Any) -> str:  # noqa: ANN401  (any JSON)
    try:
        text = base64.b64decode(str(script), validate=True)
        return (gzip.decompress(text) if text.startswith(_GZIP) else text).decode()
    except (binascii.Error, UnicodeDecodeError, EOFError, OSError):
        raise SettingsError("failed to decode script") from None
