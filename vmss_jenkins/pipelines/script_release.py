"""The release of a set's jobs is the script of a CustomScript extension."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vmss_jenkins.config.script import ScriptRelease as Settings
from vmss_jenkins.config.script import Secret as Kept
from vmss_jenkins.pipelines.model import RESULTS, Field, Parameter, Secret, SecretKind
from vmss_jenkins.pipelines.releases import Words

_PROTECTED = "VMSS_PROTECTED_SETTINGS"
_PREVIOUS = "VMSS_PREVIOUS_PROTECTED_SETTINGS"


class ScriptRelease:
    """The release is a script, which a person types or names by its URL.

    The text reaches a file out of the environment. The full job takes on what the model has, so it asks for none:
    what the canary was judged on is in the model, and the hand-off record tells its digest.

    Args:
        script: the settings of the release.
    """

    noun = "script"
    update = "update-extension"
    handed_on: tuple[str, ...] = ()

    def __init__(self, script: Settings) -> None:
        self._script = script
        self._file = f"{RESULTS}/{script.file}"
        self.recorded = self.checked = Words((self._extension(),))

    @property
    def prepared(self) -> tuple[str, ...]:
        """Write what was typed into a file, and not into the log."""
        write = f"""if [ -n "$SCRIPT" ]; then printf '%s\\n' "$SCRIPT" > {shlex.quote(self._file)}; fi"""
        return ("set +x", write, "set -x")

    @property
    def new(self) -> Words:
        """The script that was typed or named, with all its secrets."""
        given = f'${{SCRIPT:+--script={shlex.quote(self._file)}}} ${{SCRIPT_URL:+--script-url="$SCRIPT_URL"}}'
        own, kept = self._script, self._script.credentials
        words = [given, self._extension(), f"--access={own.access}"]
        words += [f"--container={shlex.quote(own.container)}"] if own.container else []
        words += [f"--command={shlex.quote(own.command)}"] if own.command else []
        words += ['--force-update-tag="${FORCE_UPDATE_TAG:-$BUILD_NUMBER}"'] if kept.protected_settings else []
        words += [*self._settings(kept.protected_settings, _PROTECTED, "protected-settings"), *self._before_words()]
        key = (Secret(kept.storage_key, "AZURE_STORAGE_KEY"),) if kept.storage_key else ()
        return Words(tuple(words), (*key, *self._bound(kept.protected_settings, _PROTECTED), *self._before_secrets()))

    @property
    def rest(self) -> Words:
        """What the model has; the secrets are for the way back."""
        return Words((self._extension(), *self._before_words()), tuple(self._before_secrets()))

    @property
    def back(self) -> Words:
        """The script before."""
        return self.rest

    def asked(self) -> tuple[Parameter, ...]:
        """Parameters of the canary's job."""
        own = self._script
        text = "The script that is the release, up to 100 kB. Empty: what SCRIPT_URL says."
        url = "Instead of SCRIPT: the URL at which instances read it, without a signature."
        tag = "Names this version of the protected settings, which Azure never shows. Empty: the build's number."
        parameters = (Parameter("SCRIPT", own.text, text, Field.TEXT), Parameter("SCRIPT_URL", own.url or "", url))
        tagged = (Parameter("FORCE_UPDATE_TAG", "", tag),) if own.credentials.protected_settings else ()
        return (*parameters, *tagged)

    def asked_again(self) -> tuple[Parameter, ...]:
        """Nothing: the model has it."""
        return ()

    def asked_back(self) -> tuple[Parameter, ...]:
        """Nothing: what the extension was told before is written down."""
        return ()

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
