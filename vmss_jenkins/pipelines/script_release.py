"""The release of a set's jobs is the script of a CustomScript extension."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vmss_jenkins.config.script import ScriptRelease as Settings
from vmss_jenkins.config.script import Secret as Kept
from vmss_jenkins.pipelines.model import DATA, Field, Parameter, Secret, SecretKind, Title
from vmss_jenkins.pipelines.releases import Arguments

_PROTECTED = "VMSS_PROTECTED_SETTINGS"
_PREVIOUS = "VMSS_PREVIOUS_PROTECTED_SETTINGS"


class ScriptRelease:
    """The release is a script: a person types its text or its URL into the form of the build.

    The shell writes the text from the environment into a file. The full job has no parameter for the script: it rolls
    out the script in the scale set's model, and the hand-off record has the digest of the one that was verified.

    Args:
        script: the settings of the release.
    """

    noun = "script"
    update = "update-extension"
    moves = False
    passed_on: tuple[str, ...] = ()

    def __init__(self, script: Settings) -> None:
        self._script = script
        self._file = f"{DATA}/{script.file}"
        self.recorded = self.checked = Arguments((self._extension(),))

    @property
    def title(self) -> Title:
        """The name of the script's file."""
        return Title(("SCRIPT_URL",), self._script.file)

    @property
    def set_up_lines(self) -> tuple[str, ...]:
        """Write the text into a file, but not into the log."""
        write = f"""if [ -n "$SCRIPT" ]; then printf '%s\\n' "$SCRIPT" > {shlex.quote(self._file)}; fi"""
        return ("set +x", write, "set -x")

    @property
    def canary(self) -> Arguments:
        """The script in the form, with all its secrets."""
        given = f'${{SCRIPT:+--script={shlex.quote(self._file)}}} ${{SCRIPT_URL:+--script-url="$SCRIPT_URL"}}'
        own, kept = self._script, self._script.credentials
        words = [given, self._extension(), f"--access={own.access}"]
        words += [f"--container={shlex.quote(own.container)}"] if own.container else []
        words += [f"--command={shlex.quote(own.command)}"] if own.command else []
        words += self._tag_words()
        words += [*self._settings(kept.protected_settings, _PROTECTED, "protected-settings"), *self._before_words()]
        key = (Secret(kept.storage_key, "AZURE_STORAGE_KEY"),) if kept.storage_key else ()
        return Arguments(
            tuple(words), (*key, *self._bound(kept.protected_settings, _PROTECTED), *self._before_secrets())
        )

    @property
    def full(self) -> Arguments:
        """The script in the model; the secrets are for a rollback."""
        return Arguments((self._extension(), *self._before_words()), tuple(self._before_secrets()))

    @property
    def rollback(self) -> Arguments:
        """The previous script."""
        return self.full

    def canary_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the canary job."""
        own = self._script
        text = "Text of the script, up to 100 kB. Empty: the script at SCRIPT_URL."
        url = "URL of the script instead, without a signature; the instances read it there."
        one = ("SCRIPT", "SCRIPT_URL")
        parameters = (
            Parameter("SCRIPT", own.text, text, Field.TEXT, required=one),
            Parameter("SCRIPT_URL", own.url or "", url, required=one),
        )
        return (*parameters, *self._tag_parameter())

    def full_parameters(self) -> tuple[Parameter, ...]:
        """None: the model has the script."""
        return ()

    def rollback_parameters(self) -> tuple[Parameter, ...]:
        """None: the resource group's tags have the previous settings of the extension."""
        return ()

    def _tag_words(self) -> tuple[str, ...]:
        """The tag in the form; with protected settings each build has one, since Azure never shows those."""
        if self._script.credentials.protected_settings:
            return ('--force-update-tag="${FORCE_UPDATE_TAG:-$BUILD_NUMBER}"',)
        return ('${FORCE_UPDATE_TAG:+--force-update-tag="$FORCE_UPDATE_TAG"}',) if self._script.url else ()

    def _tag_parameter(self) -> tuple[Parameter, ...]:
        tag = "A name for this version of the protected settings, which Azure never shows. Empty: the build number."
        if not self._script.credentials.protected_settings:
            tag = "A new value runs the script at SCRIPT_URL again: with the same URL and command Azure does not."
            return (Parameter("FORCE_UPDATE_TAG", "", tag),) if self._script.url else ()
        return (Parameter("FORCE_UPDATE_TAG", "", tag),)

    def _extension(self) -> str:
        return f"--extension={shlex.quote(self._script.extension)}"

    def _before_words(self) -> Iterable[str]:
        kept = self._script.credentials.previous_protected_settings
        return self._settings(kept, _PREVIOUS, "previous-protected-settings")

    def _before_secrets(self) -> Iterable[Secret]:
        kept = self._script.credentials
        if kept.sas_token:
            yield Secret(kept.sas_token, "AZURE_STORAGE_SAS_TOKEN")
        yield from self._bound(kept.previous_protected_settings, _PREVIOUS)

    @staticmethod
    def _settings(kept: Kept | None, variable: str, option: str) -> Iterable[str]:
        if kept:
            yield f'--{option}="${variable}"' if kept.kind == "file" else f"--{option}-env={variable}"

    @staticmethod
    def _bound(kept: Kept | None, variable: str) -> Iterable[Secret]:
        if kept:
            yield Secret(kept.id, variable, SecretKind(kept.kind))
