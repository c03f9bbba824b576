"""Locks and records, as tags of the resource group; `rollout.plan.claims` says why there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from azure.core.rest import HttpRequest

from vmss_jenkins.azure.client_options import server_time
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.release_log import MOST_PARTS, Record, added, pack, unpack
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.claims import Claim, Ended
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.protection.protected import Protected

API_VERSION = "2021-04-01"
LONGEST_VALUE = 256
"""The most characters of a tag's value."""
MOST_TAGS = 8
"""The most tags for one script's settings."""
MOST_GROUP_TAGS, RESERVED_TAGS = 50, 5
"""The most tags of a resource group, and how many of them a log leaves free, for locks."""


class _Tags:
    """The tags of a set's resource group whose names start with a prefix.

    The compute SDK has no tags of a group, and one resource does not justify another SDK
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
        """The server's time, and the tags of this kind and set."""
        now, tags = self._all_tags()
        return now, {key: value for key, value in tags.items() if key.lower().startswith(self._prefix)}

    def _all_tags(self) -> tuple[float, Mapping[str, str]]:
        """The server's time, and all tags of the resource group."""
        answer = self._call("read", HttpRequest("GET", self._url, params={"api-version": API_VERSION}))
        tags: Mapping[str, str] = answer.json().get("properties", {}).get("tags") or {}
        return server_time(answer), tags

    def _change(self, operation: str, tags: Mapping[str, str]) -> None:
        body = {"operation": operation, "properties": {"tags": dict(tags)}}
        self._call("change", HttpRequest("PATCH", self._url, params={"api-version": API_VERSION}, json=body))

    def _call(self, verb: str, request: HttpRequest) -> Any:  # noqa: ANN401 - azure-core types its response by transport
        with translated(f"{verb} {self._what}"):
            answer = self._send(request)
            answer.raise_for_status()
            return answer


class TagClaims(_Tags):
    """The locks of rollouts of one scale set, and the end of the last rollout."""

    def __init__(self, send: Callable[[HttpRequest], Any], subscription: str, name: ScaleSetName) -> None:
        super().__init__(send, subscription, name)
        self.ends = TagEnds(send, subscription, name)

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time and the current locks.

        Raises:
            AzureError: if the tags cannot be read.
        """
        now, tags = self._tags()
        claims = (Claim.parse(key[len(self._prefix) :], value) for key, value in tags.items())
        return now, tuple(claim for claim in claims if claim)

    def write(self, claim: Claim) -> None:
        """Add a lock, or replace the lock of the same run.

        Raises:
            AzureError: if Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}{claim.run}": claim.text()})

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the locks of these runs; Azure wants the name and value of each.

        Raises:
            AzureError: if Azure refuses.
        """
        names = {f"{self._prefix}{run}".lower() for run in runs}
        if found := {key: value for key, value in self._tags()[1].items() if key.lower() in names}:
            self._change("Delete", found)


class TagEnds(_Tags):
    """The end of the last rollout of one scale set."""

    kind = "-last"

    def read(self) -> Ended | None:
        """The end; None if no rollout recorded one.

        Raises:
            AzureError: if the tags cannot be read.
        """
        return next(filter(None, map(Ended.parse, self._tags()[1].values())), None)

    def write(self, ended: Ended) -> None:
        """Record the end of a rollout.

        Raises:
            AzureError: if Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}rollout": ended.text()})


class TagMemory(_Tags):
    """The previous script of a set, in as many tags as needed: a value holds 256 characters.

    The tags of the group work with any storage of the scripts. Only what Azure shows to every reader of the set is
    recorded: never a protected setting.
    """

    kind = "-before"

    def recall(self, extension: str) -> ExtensionSettings | None:
        """The previous settings of an extension; None if none were recorded.

        Raises:
            AzureError: if the tags cannot be read.
        """
        tags = {key.lower(): value for key, value in self._tags()[1].items()}
        wanted = [f"{self._key(extension)}.{number}" for number in range(MOST_TAGS)]
        text = "".join(tags.get(key, "") for key in wanted)
        return ExtensionSettings.parse(text) if text else None

    def remember(self, release: ExtensionSettings) -> bool:
        """Record the settings of an extension; false if they are too long.

        Raises:
            AzureError: if Azure refuses.
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
        return f"{self._prefix}{extension.lower().replace('/', ':')}"  # Azure refuses "/" in the name of a tag


class TagLog(_Tags):
    """The log of the releases of one scale set, in as many tags as needed and free; satisfies `ports.ReleaseLog`."""

    kind = "-log"

    def read(self) -> tuple[Record, ...]:
        """The records, the newest first.

        Raises:
            AzureError: if the tags cannot be read.
        """
        return unpack("".join(self._parts(self._all_tags()[1]).values()))

    def write(self, record: Record) -> int:
        """Add a record with the server's time, or replace the record of the same run.

        Returns:
            How many records do not fit into the tags that are free; the oldest ones are dropped.

        Raises:
            AzureError: if Azure refuses.
        """
        now, tags = self._all_tags()
        old = self._parts(tags)
        free = MOST_GROUP_TAGS - RESERVED_TAGS - (len(tags) - len(old))
        records = added(unpack("".join(old.values())), replace(record, at=now))
        texts, dropped = pack(records, min(MOST_PARTS, max(len(old), free)))
        new = {f"{self._prefix}{number}": text for number, text in enumerate(texts)}
        if new:
            self._change("Merge", new)
        if left := {key: value for key, value in old.items() if key.lower() not in new}:
            self._change("Delete", left)
        return dropped

    def _parts(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags of the log in their order; other sets may have names that begin like this one's."""
        found = {key.lower()[len(self._prefix) :]: key for key in tags if key.lower().startswith(self._prefix)}
        return {found[key]: tags[found[key]] for key in map(str, range(MOST_PARTS)) if key in found}


class TagHeadcounts(_Tags):
    """The capacity that a set has after its surge; satisfies `headcount.Headcounts`."""

    kind = "-surge"

    def read(self) -> Headcount | None:
        """The record; None if there is none.

        Raises:
            AzureError: if the tags cannot be read.
        """
        return next(filter(None, map(Headcount.parse, self._tags()[1].values())), None)

    def write(self, headcount: Headcount) -> None:
        """Record it.

        Raises:
            AzureError: if Azure refuses.
        """
        self._change("Merge", {f"{self._prefix}capacity": headcount.text()})

    def remove(self) -> None:
        """Remove it.

        Raises:
            AzureError: if Azure refuses.
        """
        if found := self._tags()[1]:
            self._change("Delete", found)


class TagProtected(_Tags):
    """The instances that rollouts protect; satisfies `rollout.ports.ProtectedRecord`."""

    kind = "-protected"

    def read(self) -> Protected:
        """The record; empty if there is none.

        Raises:
            AzureError: if the tags cannot be read.
        """
        found = {key[len(self._prefix) :]: value for key, value in self._tags()[1].items()}
        numbers = sorted(int(number) for number in found if number.isdecimal())  # another set may be named `web.0`
        return Protected.parse(found[str(number)] for number in numbers)

    def write(self, protected: Protected) -> None:
        """Record them, the new tags before the old ones go; an empty one removes the record.

        Raises:
            AzureError: if Azure refuses.
        """
        texts, old = protected.texts(), self._tags()[1]
        if texts:
            self._change("Merge", {f"{self._prefix}{number}": text for number, text in enumerate(texts)})
        known = {key: value for key, value in old.items() if key[len(self._prefix) :].isdecimal()}
        if left := {key: value for key, value in known.items() if int(key[len(self._prefix) :]) >= len(texts)}:
            self._change("Delete", left)
