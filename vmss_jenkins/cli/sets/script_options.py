"""What `update-extension`, `rollout` and `rollback` share: the script that is the release, and its secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.releases import SIGNATURE, Access, ExtensionSettings, Script
from vmss_jenkins.model.scripts import blob_name, check_container, from_settings, from_url, inline, with_secrets

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SCRIPT = (
    click.option("--script-url", help="URL at which instances read the script."),
    click.option("--script", type=_FILE, help="The script; it goes into the settings, or into --container."),
    click.option("--container", metavar="URL", help="Upload the script there: https://ACCOUNT.../CONTAINER."),
    click.option(
        "--access",
        type=click.Choice([access.value for access in Access]),
        default=Access.PUBLIC.value,
        show_default=True,
        help=f"How instances may read it; sas: by the token in {SIGNATURE}, which goes into the protected settings.",
    ),
    click.option("--command", "run", help="What runs, {script} being the script's file.  [default: bash {script}]"),
    click.option("--settings", type=_FILE, help="Public settings as a JSON file, instead of a script."),
    click.option("--force-update-tag", default="", help="Another one runs the script though nothing else changed."),
    click.option("--protected-settings", type=_FILE, help="Protected settings as a JSON file.  [default: the set's]"),
    click.option("--protected-settings-env", metavar="VARIABLE", help="The environment variable that has them."),
)
_BEFORE = (
    click.option("--extension", metavar="NAME", help="The CustomScript extension.  [default: the only one]"),
    click.option("--previous-protected-settings", type=_FILE, help="Those before, for the way back."),
    click.option("--previous-protected-settings-env", metavar="VARIABLE", help="The variable that has those."),
    click.option("--to-settings", type=_FILE, help="Public settings that a rollback goes to.  [default: those before]"),
)

_RELEASES = ("script", "script_url", "settings", "extension")
_ABOUT = ("container", "run", "force_update_tag", "protected_settings", "protected_settings_env")
_ABOUT_BEFORE = ("previous_protected_settings", "previous_protected_settings_env", "to_settings")


@dataclass(frozen=True)
class ScriptOptions:
    """What was given on the command line; nothing is read or uploaded yet."""

    values: Mapping[str, Any]

    @property
    def given(self) -> bool:
        """Whether the release is a script.

        Raises:
            ConfigError: where something is told about a script, and none is given.
        """
        given = any(self.values.get(key) for key in _RELEASES)
        stray = [_option(key) for key in (*_ABOUT, *_ABOUT_BEFORE) if self.values.get(key)]
        if stray and not given:
            wanted = " or ".join(_option(key) for key in _RELEASES if key in self.values)
            raise ConfigError("script", [f"found {', '.join(stray)} and no script; give {wanted}"])
        return given

    @property
    def extension(self) -> str:
        """The extension's name, empty where none was given."""
        return self.values["extension"] or ""

    @property
    def to(self) -> ExtensionSettings | None:
        """The settings that a rollback goes to, where they were given."""
        file = self.values["to_settings"]
        found = from_settings(_object(file.read_text(), str(file)), {"managedIdentity": {}}) if file else None
        return replace(found.release, name=self.extension or found.release.name) if found else None

    def read(self, *, upload: bool = True) -> Script:
        """Make the release, the script uploaded first where that is wanted; the secrets alone where none was given.

        Raises:
            ConfigError: for options that do not go together, and what the files have.
            AzureError: where the storage refuses.
        """
        sources = [name for name in ("script_url", "script", "settings") if self.values.get(name)]
        if len(sources) > 1:
            found = ", ".join(map(_option, sources))
            raise ConfigError("script", [f"found {found}; give one of them"])
        before = self._secrets("previous_protected_settings")
        protected = self._secrets("protected_settings")
        script = self._release(protected, upload=upload) if sources else Script(ExtensionSettings())
        if sources and sources != ["settings"]:
            script = with_secrets(script, protected)
        return replace(script, protected_before=before, signature=os.environ.get(SIGNATURE, "").lstrip("?"))

    def _release(self, protected: Mapping[str, Any] | None, *, upload: bool) -> Script:
        get, tag = self.values.get, str(self.values.get("force_update_tag") or "")
        if settings := get("settings"):
            return from_settings(_object(settings.read_text(), str(settings)), protected, tag)
        access = Access(get("access"))
        if url := get("script_url"):
            return from_url(_signed(url, access), access, get("run") or "", tag)
        file: Path = self.values["script"]
        if get("container"):
            url = self._uploaded(file, access, upload=upload)
            return replace(from_url(url, access, get("run") or "", tag), uploaded=upload)
        if get("run"):
            raise ConfigError("--command", ["a script in the settings runs as it is; give --container too"])
        return inline(file.read_text(), tag)

    def _uploaded(self, file: Path, access: Access, *, upload: bool) -> str:
        from vmss_jenkins.azure import blob_upload  # noqa: PLC0415 - the SDK is loaded where it is needed
        from vmss_jenkins.azure.credentials import default_credential, endpoint_from  # noqa: PLC0415

        container, content = str(self.values["container"]), file.read_bytes()
        name = blob_name(file.name, content)
        if not content.strip():
            raise ConfigError("script", ["it is empty"])
        check_container(container)
        if not upload:
            return f"{container.rstrip('/')}/{name}{'?sig=dry-run' if access is Access.SAS else ''}"
        endpoint = endpoint_from(os.environ, self.values.get("subscription"), self.values.get("endpoint"))
        credential = partial(default_credential, endpoint, os.environ)
        return blob_upload.upload(container, name, content, access, credential, os.environ)

    def _secrets(self, option: str) -> Mapping[str, Any] | None:
        file: Path | None = self.values.get(option)
        variable = self.values.get(f"{option}_env")
        shown = _option(option)
        if file and variable:
            raise ConfigError(shown, [f"found both a file and the variable {variable}; give one of them"])
        if variable and variable not in os.environ:
            raise ConfigError(f"{shown}-env", [f"there is no environment variable {variable}"])
        if file:
            return _object(file.read_text(), shown, secret=True)
        return _object(os.environ[variable], shown, secret=True) if variable else None


def script_options(*, release: bool = True) -> Callable[[F], F]:
    """Add the options of a script, which come to the command as one ``script``."""
    options = (*_SCRIPT, *_BEFORE) if release else _BEFORE
    names = [_name(option) for option in options]

    def add(function: F) -> F:
        @wraps(function)
        def command(**given: Any) -> Any:  # noqa: ANN401 - click's values
            values = {name: given.pop(name) for name in names}
            where = {key: given.get(key) for key in ("subscription", "endpoint")}
            return function(**given, script=ScriptOptions({**values, **where}))

        added: Any = command
        for option in reversed(options):
            added = option(added)
        result: F = added
        return result

    return add


def _option(name: str) -> str:
    return "--command" if name == "run" else f"--{name.replace('_', '-')}"


def _signed(url: str, access: Access) -> str:
    """Add the signature out of the environment: on a command line everybody would see it."""
    token = os.environ.get(SIGNATURE, "").lstrip("?")
    if access is not Access.SAS:
        return url
    if "?" in url:
        raise ConfigError(
            "--script-url", [f"it carries a signature, which is seen there; set {SIGNATURE} to it instead"]
        )
    if not token:
        raise ConfigError(
            SIGNATURE, ["it is not set; set it to a SAS token that may read the container, for the instances"]
        )
    return f"{url}?{token}"


def _name(option: Callable[[Any], Any]) -> str:
    """The name of the parameter that an option becomes."""

    def taken() -> None:
        """Nothing: click writes the option on it."""

    option(taken)
    parameters: list[click.Parameter] = taken.__click_params__  # type: ignore[attr-defined]
    return str(parameters[0].name)


def _object(text: str, source: str, *, secret: bool = False) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        reason = "it is no JSON" if secret else f"it is no JSON: {error}"
        raise ConfigError(source, [reason]) from None
    if not isinstance(found, dict):
        raise ConfigError(source, ["wanted a JSON object"])
    return found
