"""What `update-extension`, `rollout` and `rollback` share: the script or application that is the release."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click
from cloup import option_group
from cloup.typing import Decorator

from vmss_jenkins.cli.application_options import application_from
from vmss_jenkins.cli.options import GIVEN_FILE
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import GalleryApplication
from vmss_jenkins.model.releases import SIGNATURE, Access, ExtensionSettings, Script
from vmss_jenkins.model.scripts import ScriptRollout

_SCRIPT = (
    click.option("--script-url", metavar="URL", help="Instances download the script from this URL."),
    click.option(
        "--script",
        type=GIVEN_FILE,
        help="The script is this file; it is written into the settings, or uploaded to --container.",
    ),
    click.option(
        "--container",
        metavar="URL",
        help="Upload the script to this blob container: https://ACCOUNT.blob.core.windows.net/CONTAINER.",
    ),
    click.option(
        "--access",
        type=click.Choice([access.value for access in Access]),
        default=Access.PUBLIC.value,
        show_default=True,
        help="How instances may read the script. sas: with the token in the environment variable "
        f"{SIGNATURE}, which is written into the protected settings.",
    ),
    click.option(
        "--command", "run", help="What instances run; {script} is the script's file.  [default: bash {script}]"
    ),
    click.option("--settings", type=GIVEN_FILE, help="Public settings as a JSON file, instead of a script."),
    click.option(
        "--force-update-tag",
        metavar="TEXT",
        help="Another text than before makes Azure run the script although nothing else changed.",
    ),
    click.option(
        "--protected-settings",
        type=GIVEN_FILE,
        help="Protected settings as a JSON file.  [default: those of the scale set]",
    ),
    click.option(
        "--protected-settings-env", metavar="VARIABLE", help="Protected settings as JSON in this environment variable."
    ),
)
_BEFORE = (
    click.option("--extension", metavar="NAME", help="Name of the CustomScript extension.  [default: the only one]"),
    click.option(
        "--previous-protected-settings",
        type=GIVEN_FILE,
        help="Protected settings that a rollback restores, as a JSON file; Azure does not show them.",
    ),
    click.option(
        "--previous-protected-settings-env",
        metavar="VARIABLE",
        help="Protected settings that a rollback restores, as JSON in this environment variable.",
    ),
    click.option(
        "--to-settings",
        type=GIVEN_FILE,
        help="Public settings that a rollback restores, as a JSON file.  [default: the settings before the rollout]",
    ),
)

_RELEASES = ("script", "script_url", "settings", "extension")
_ABOUT = ("container", "run", "force_update_tag", "protected_settings", "protected_settings_env")
_ABOUT_BEFORE = ("previous_protected_settings", "previous_protected_settings_env", "to_settings")


@dataclass(frozen=True)
class ScriptOptions:
    """What was given on the command line; no file is read or uploaded yet."""

    values: Mapping[str, Any]

    @property
    def given(self) -> bool:
        """Whether the release is a script.

        Raises:
            ConfigError: for options about a script if no script is given, and as `application_from`.
        """
        application = application_from(self.values)
        given = application is not None or any(self.values.get(key) for key in _RELEASES)
        stray = [_option(key) for key in (*_ABOUT, *_ABOUT_BEFORE) if self.values.get(key)]
        if stray and not given:
            wanted = " or ".join(_option(key) for key in _RELEASES if key in self.values)
            raise ConfigError("script", [f"found {', '.join(stray)}, but no script; give {wanted}"])
        return given

    def rollout(self, to: object, *, upload: bool) -> ScriptRollout | None:
        """The release by script or application; None if there is none.

        Args:
            to: the image that a rollback goes to, which neither has.
            upload: as `read`.

        Raises:
            ConfigError: as `given` and `read`, for both a script and an application, and for a bad application.
            AzureError: as `read`.
        """
        if not self.given:
            return None
        application = application_from(self.values)
        if to is not None:
            kind, instead = "a script", "--to-settings FILE"
            if application:
                kind, instead = "an application", "--application GALLERY/APPLICATION/VERSION to `rollback`"
            raise ConfigError("--to", [f"found an image, but the release is {kind}; give {instead}"])
        if application is None:
            return ScriptRollout(self.read(upload=upload), self.extension)
        if other := [_option(key) for key in (*_RELEASES, *_ABOUT, *_ABOUT_BEFORE) if self.values.get(key)]:
            raise ConfigError("release", [f"found both --application and {', '.join(other)}; give one of them"])
        return ScriptRollout(application=application)

    def for_application(self, name: str) -> ScriptOptions:
        """The same for a version that was typed as `--to`.

        Args:
            name: of the application, with its version.

        Raises:
            ConfigError: if `--application` names another one, or a version.
        """
        given = application_from(self.values)
        if given and (given.version or given.without_version != GalleryApplication.parse(name).without_version):
            reason = f"found {name}, and --application {self.values['application']}; give one of them"
            raise ConfigError("--to", [reason])
        return ScriptOptions({**self.values, "application": name})

    @property
    def extension(self) -> str:
        """The name of the extension; empty if it was not given."""
        return self.values["extension"] or ""

    @property
    def to(self) -> ExtensionSettings | None:
        """The settings that a rollback restores; None if they were not given."""
        from vmss_jenkins.model.scripts import from_settings  # noqa: PLC0415 - not loaded for --help

        file = self.values["to_settings"]
        found = from_settings(_object(file.read_text(), str(file)), {"managedIdentity": {}}) if file else None
        return replace(found.release, name=self.extension or found.release.name) if found else None

    def read(self, *, upload: bool = True) -> Script:
        """Make the release and upload its script; without a script only the secrets are read.

        Args:
            upload: whether the script is uploaded to `--container`; a dry run uploads nothing.

        Raises:
            ConfigError: for options that exclude each other, and for faults in the files.
            AzureError: if the storage account refuses.
        """
        from vmss_jenkins.model.scripts import with_secrets  # noqa: PLC0415 - as above

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
        from vmss_jenkins.model.scripts import from_settings, from_url, inline  # noqa: PLC0415 - as above

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
            raise ConfigError(
                "--command",
                ["a script in the settings runs as it is; give --container URL too, or leave --command out"],
            )
        return inline(file.read_text(), tag)

    def _uploaded(self, file: Path, access: Access, *, upload: bool) -> str:
        from vmss_jenkins.azure.credentials import default_credential, endpoint_from  # noqa: PLC0415
        from vmss_jenkins.azure.scripts import blob_upload  # noqa: PLC0415 - the SDK is loaded where it is needed
        from vmss_jenkins.model.scripts import blob_name, check_container  # noqa: PLC0415

        container, content = str(self.values["container"]), file.read_bytes()
        name = blob_name(file.name, content)
        if not content.strip():
            raise ConfigError("--script", [f"{file} is empty; give a file with a script"])
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
            raise ConfigError(
                f"{shown}-env", [f"there is no environment variable {variable}; set it, or give a file with {shown}"]
            )
        if file:
            return _object(file.read_text(), shown, secret=True)
        return _object(os.environ[variable], shown, secret=True) if variable else None


def script_options(*, release: bool = True, application: Sequence[Decorator] = ()) -> Decorator:
    """Add the group of options of a script; the command gets them as one argument `script`.

    Args:
        release: whether a script can be released; otherwise only the options for a rollback are added.
        application: the options that name an application of a gallery instead.
    """
    options = (*_SCRIPT, *_BEFORE) if release else _BEFORE
    names = [_name(option) for option in (*options, *application)]

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**given: Any) -> Any:  # noqa: ANN401 - click's values
            values = {name: given.pop(name) for name in names}
            where = {key: given.get(key) for key in ("subscription", "endpoint")}
            return function(**given, script=ScriptOptions({**values, **where}))

        both = option_group("Application", *application)(command) if application else command
        return option_group("Script", *options)(both)

    return add


def _option(name: str) -> str:
    return "--command" if name == "run" else f"--{name.replace('_', '-')}"


def _signed(url: str, access: Access) -> str:
    """Add the token from the environment to the URL: on a command line every user of the machine could read it."""
    token = os.environ.get(SIGNATURE, "").lstrip("?")
    if access is not Access.SAS:
        return url
    if "?" in url:
        raise ConfigError(
            "--script-url",
            [f"it has a query, which everybody can read there; set the environment variable {SIGNATURE} to the token"],
        )
    if not token:
        raise ConfigError(
            SIGNATURE, ["it is not set; set it to a SAS token that may read the container, for the instances"]
        )
    return f"{url}?{token}"


def _name(option: Callable[[Any], Any]) -> str:
    """The name of the parameter that an option becomes."""

    def taken() -> None:
        """Do nothing: click adds the option to it."""

    option(taken)
    parameters: list[click.Parameter] = taken.__click_params__  # type: ignore[attr-defined]
    return str(parameters[0].name)


def _object(text: str, source: str, *, secret: bool = False) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        reason = "it is not JSON" if secret else f"it is not JSON: {error}"
        raise ConfigError(source, [reason]) from None
    if not isinstance(found, dict):
        raise ConfigError(source, ["it is JSON, but no object; wanted {...}"])
    return found
