"""Claims and what is to be remembered, as tags of the resource group; see `claims` for why there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.rest import HttpRequest

from vmss_jenkins.azure.errors import translated
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.claims import Claim, Ended
from vmss_jenkins.rollout.plan.headcount import Headcount

API_VERSION = "2021-04-01"
LONGEST_VALUE = 256
"""Characters of a tag's value."""
MOST_TAGS = 8
"""Tags that one script's settings may take; a resource has 50."""


class _Tags:
    """The tags of a set's resource group whose names start with a prefix.

    No compute SDK knows tags, and one resource justifies no other SDK
    (https://learn.microsoft.com/rest/api/resources/tags/update-at-scope).

    Args:
        send: sends a request as the SDK's client does, with its credential.
        subscription: the subscription's URL.
        name: the scale set.
    """

    kind = ""

    def __init__(self, send: Callable[[HttpRequest], Any], subscription: str, name: ScaleSetName) -> None:
        self._send = send
        self._prefix = f"vmss-jenkins{self.kind}.{name.name.lower()}."
        self._url = f"{subscription}/resourceGroups/{name.resource_group}/providers/Microsoft.Resources/tags/default"
        self._what = f"the tags of resource group {name.resource_group}"

    def _tags(self) -> tuple[float, dict[str, str]]:
        """The server's time, and the tags that are of this kind and set."""
        answer = self._call("read", HttpRequest("GET", self._url, params={"api-version": API_VERSION}))
        tags: Mapping[str, str] = answer.json().get("properties", {}).get("tags") or {}
        date = answer.headers.get("Date")
        now = parsedate_to_datetime(date).timestamp() if date else time.time()
        return now, {key: value for key, value in tags.items() if key.lower().startswith(self._prefix)}

    def _change(self, operation: str, tags: Mapping[str, str]) -> None:
        body = {"operation": operation, "properties": {"tags": dict(tags)}}
        self._call("change", HttpRequest("PATCH", self._url, params={"api-version": API_VERSION}, json=body))

    def _call(self, verb: str, request: HttpRequest) -> Any:  # noqa: ANN401 - azure-core types its response by transport
        with translated(f"{verb} {self._what}"):
            answer = self._send(request)
            answer.raise_for_status()
            return answer


class TagClaims(_Tags):
    """The claims of rollouts of one scale set, and how the last one ended."""

    def __init__(self, send: Callable[[HttpRequest], Any], subscription: str, name: ScaleSetName) -> None:
        super().__init__(send, subscription, name)
        self.ends = TagEnds(send, subscription, name)

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time and the claims there are.

        Raises:
            AzureError: where the tags cannot be read.
        """
        now, tags = self._tags()
        claims = (Claim.parse(key[len(self._prefix) :], value) for key, value in tags.items())
        return now, tuple(claim for claim in claims if claim)

    def write(self, claim: Claim) -> None:
        """Add a claim, or replace the one of the same run.

        Raises:
            AzureError: where Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}{claim.run}": claim.text()})

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs: each by its name and value, as Azure wants them.

        Raises:
            AzureError: where Azure refuses.
        """
        names = {f"{self._prefix}{run}".lower() for run in runs}
        if found := {key: value for key, value in self._tags()[1].items() if key.lower() in names}:
            self._change("Delete", found)


class TagEnds(_Tags):
    """How the last rollout of one scale set ended."""

    kind = "-last"

    def read(self) -> Ended | None:
        """How it ended; None where no rollout wrote it down.

        Raises:
            AzureError: where the tags cannot be read.
        """
        return next(filter(None, map(Ended.parse, self._tags()[1].values())), None)

    def write(self, ended: Ended) -> None:
        """Write down how one ended.

        Raises:
            AzureError: where Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}rollout": ended.text()})


class TagMemory(_Tags):
    """The script that a set had before, in as many tags as it takes: a value holds 256 characters.

    There, for the reasons of `claims`, and because the group is there whatever storage the scripts lie in. Only what
    Azure shows to every reader of the set anyway is written down: never a protected setting.
    """

    kind = "-before"

    def recall(self, extension: str) -> ExtensionSettings | None:
        """What an extension was told before; None where it was not written down.

        Raises:
            AzureError: where the tags cannot be read.
        """
        tags = {key.lower(): value for key, value in self._tags()[1].items()}
        wanted = [f"{self._key(extension)}.{number}" for number in range(MOST_TAGS)]
        text = "".join(tags.get(key, "") for key in wanted)
        return ExtensionSettings.parse(text) if text else None

    def remember(self, release: ExtensionSettings) -> bool:
        """Write down what an extension is told; false where it is too long.

        Raises:
            AzureError: where Azure refuses.
        """
        text = str(release)
        parts = [text[at : at + LONGEST_VALUE] for at in range(0, len(text), LONGEST_VALUE)]
        if len(parts) > MOST_TAGS:
            return False
        key = self._key(release.name)
        old = {name: value for name, value in self._tags()[1].items() if name.lower().startswith(f"{key}.")}
        new = {f"{key}.{number}": part for number, part in enumerate(parts)}
        if left := {name: value for name, value in old.items() if name.lower() not in new}:
            self._change("Delete", left)
        self._change("Merge", new)
        return True

    def _key(self, extension: str) -> str:
        return f"{self._prefix}{extension.lower()}"


class TagHeadcounts(_Tags):
    """How many instances a set is to have in the end of its surge; satisfies `headcount.Headcounts`."""

    kind = "-surge"

    def read(self) -> Headcount | None:
        """What is written down; None for nothing.

        Raises:
            AzureError: where the tags cannot be read.
        """
        return next(filter(None, map(Headcount.parse, self._tags()[1].values())), None)

    def write(self, headcount: Headcount) -> None:
        """Write it down.

        Raises:
            AzureError: where Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}capacity": headcount.text()})

    def remove(self) -> None:
        """Take it away.

        Raises:
            AzureError: where Azure refuses.
        """
        if found := self._tags()[1]:
            self._change("Delete", found)
