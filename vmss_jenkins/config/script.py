"""The key `script` of a set in vmss.yaml: its release is the script of a CustomScript extension, not an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import model_validator

from vmss_jenkins.config import values
from vmss_jenkins.config.parts import Value
from vmss_jenkins.config.values import checked, matches, shortened
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.releases import NAME, Access
from vmss_jenkins.model.scripts import blob_name, container_faults, from_url

_EXTENSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"


def _no_container(value: str) -> str | None:
    faults = container_faults(value)
    return f"found {shortened(value.partition('?')[0])}; {'; '.join(faults)}" if faults else None


def _no_url(value: str) -> str | None:
    if "?" in value:
        return "found a query, which may be a signature; wanted it in Jenkins, as credentials.sas_token"
    return _reasons(lambda: from_url(value))


def _no_file(value: str) -> str | None:
    return _reasons(lambda: blob_name(value, b""))


def _reasons(make: Callable[[], object]) -> str | None:
    try:
        make()
    except ConfigError as error:
        return "; ".join(error.reasons)
    return None


class Secret(Value):
    """A secret in Jenkins, which a job gets as an environment variable."""

    id: values.Text
    """The id of the credentials in Jenkins."""
    kind: Literal["text", "file"] = "text"
    """The kind of the credentials: secret text, or a secret file."""


class Secrets(Value):
    """The ids of a script's secrets in Jenkins."""

    storage_key: values.Text | None = None
    """Id of a secret text: the storage account's key, for the upload."""
    sas_token: values.Text | None = None
    """Id of a secret text: a SAS token, for the upload, and for the instances with `access: sas`."""
    protected_settings: Secret | None = None
    """The protected settings of the extension, as JSON."""
    previous_protected_settings: Secret | None = None
    """The previous protected settings, for a rollback: Azure never shows them."""


class ScriptRelease(Value):
    """A release that is a script."""

    extension: Annotated[str, checked(matches(_EXTENSION, "an extension's name such as CustomScript"))] = NAME
    """The CustomScript extension's name in the set's model."""
    text: values.Prose = ""
    """Default of the parameter SCRIPT."""
    url: Annotated[str, checked(_no_url)] | None = None
    """Default of the parameter SCRIPT_URL, instead of a text."""
    file: Annotated[str, checked(_no_file)] = "install.sh"
    """The name of the file for the text."""
    container: Annotated[str, checked(_no_container)] | None = None
    """The blob container to upload the script to; without it the script is part of the extension's settings."""
    access: Literal["public", "sas", "managed-identity"] = "public"
    """How instances may read the script."""
    command: values.Text | None = None
    """The command to run, with `{script}` for the script's file; `bash {script}` by default."""
    credentials: Secrets = Secrets()

    @model_validator(mode="after")
    def _fits(self) -> ScriptRelease:
        reasons = []
        if self.text and self.url:
            reasons.append("found a text and a url; wanted one of them")
        if self.access == Access.SAS.value and not self.credentials.sas_token:
            reasons.append("access sas needs credentials.sas_token: instances read the script with that token")
        if self.command and not (self.container or self.url):
            reasons.append("a command needs a container or a url: without them the script itself is the command")
        if reasons:
            raise ValueError("; ".join(reasons))
        return self

    @property
    def secret_ids(self) -> tuple[str, ...]:
        """The ids of the credentials in Jenkins that it needs."""
        kept = self.credentials
        settings = (kept.protected_settings, kept.previous_protected_settings)
        return tuple(filter(None, [kept.storage_key, kept.sas_token, *(one.id for one in settings if one)]))
