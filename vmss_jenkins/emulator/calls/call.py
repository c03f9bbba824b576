"""One request to Azure Resource Manager, and the answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import orjson

from vmss_jenkins.emulator.arm.bodies import checked
from vmss_jenkins.emulator.arm.errors import invalid_content, invalid_parameter
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.state.instance import Instance
from vmss_jenkins.emulator.state.operation import Operation
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_jenkins.emulator.arm.throttling import Limit, Throttle
    from vmss_jenkins.emulator.state.backend import Backend

_LRO_SECONDS = 10.0
_CLIENTS_SECONDS = 30.0
_NO_RESOURCE = ("subscription", "extension")  # an extension takes tokens from the buckets of its set


class Dispatcher(Protocol):
    """Sends requests for a handler, as a client would; both methods raise ``ArmError``."""

    def check(self, method: str, path: str, api_version: str) -> None:
        """Return if the emulator serves the method and path."""
        ...

    def send(self, method: str, path: str, body: Json, api_version: str) -> Reply:
        """Return the answer to a request."""
        ...


@dataclass
class Call:
    """A request that the emulator serves, with all that its handler needs."""

    backend: Backend
    throttle: Throttle
    base_url: str
    """Scheme, host and port that the client used; links in answers start with it."""
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By name in lower case."""
    content: bytes
    params: Mapping[str, str]
    """The variable parts of the path, as the client wrote them."""
    limits: tuple[Limit, ...]
    dispatcher: Dispatcher
    remaining: list[str] = field(default_factory=list)
    """The tokens left in the buckets of the call, as the header shows them."""
    charged: int | None = None

    @property
    def api_version(self) -> str:
        """The api-version of the query."""
        return self.query["api-version"]

    @property
    def scale_set(self) -> ScaleSet:
        """The scale set that the path names; raises ``ArmError`` 404."""
        return self.backend.scale_set(self.params["group"], self.params["set"])

    @property
    def instance(self) -> Instance:
        """The instance that the path names; raises ``ArmError`` 404."""
        return self.backend.instance(self.scale_set, self.params["instance"])

    def body(self, shape: Json) -> Json:
        """Return the JSON object of the body, an empty one if there is no body; raises ``ArmError`` 400."""
        if not self.content.strip():
            return {}
        try:
            value = orjson.loads(self.content)
        except ValueError as error:
            raise invalid_content(str(error)) from None
        return checked(value, shape)

    def instance_ids(self, shape: Json) -> list[str] | None:
        """Return the instance ids of the body, None if it has no list; raises ``ArmError`` 400 for an empty list."""
        ids: list[str] | None = self.body(shape).get("instanceIds")
        if ids is not None and (not ids or ("*" in ids and len(ids) > 1)):
            raise invalid_parameter("instanceIds takes either '*' alone or at least one instance id.", "instanceIds")
        return ids

    def take_tokens(self) -> None:
        """Take the tokens for the request itself; raises ``ArmError`` 429."""
        self._take([limit for limit in self.limits if not limit.per_instance], 1)

    def charge(self, instances: int) -> None:
        """Take the tokens for the instances that the request works on; raises ``ArmError`` 429."""
        self.charged = instances
        self._take([limit for limit in self.limits if limit.per_instance and instances], instances)

    def _take(self, limits: list[Limit], cost: int) -> None:
        resource = "/".join(value for key, value in self.params.items() if key not in _NO_RESOURCE)
        self.remaining += self.throttle.take(limits, resource, cost, self.backend.now)

    def accepted(self, operation: Operation) -> Reply:
        """Answer 202 with the operation to poll; without ``Retry-After``, as Azure does."""
        headers = self._follow(operation)
        monitor = headers["Azure-AsyncOperation"].replace("&api-version", "&monitor=true&api-version")
        return Reply(202, headers=headers | {"Location": monitor}, operation=operation)

    def written(self, operation: Operation, body: Json, *, created: bool) -> Reply:
        """Answer a PUT or PATCH with the resource as it will be and the operation to poll."""
        headers = self._follow(operation) | {"Retry-After": self.backend.retry_after(_LRO_SECONDS)}
        return Reply(201 if created else 200, body, headers, operation)

    def pacing(self, *, ended: bool) -> dict[str, str]:
        """Return the ``Retry-After`` of an operation's status, if time runs faster than real time.

        Azure sends none, so that clients wait for their own interval: 30 real seconds in the SDK and in ``az``.
        """
        if ended or self.backend.time_scale <= 1:
            return {}
        return {"Retry-After": self.backend.retry_after(_CLIENTS_SECONDS)}

    def _follow(self, operation: Operation) -> dict[str, str]:
        scenario = self.backend.scenario
        url = (
            f"{self.base_url}/subscriptions/{scenario.subscription_id}/providers/{COMPUTE}/locations/"
            f"{operation.location}/operations/{operation.id}?p={scenario.tenant_id}&api-version={self.api_version}"
        )
        if self.charged is not None:
            self.remaining.append(f"{COMPUTE}/VmssQueuedVMOperations;0")
        return {"Azure-AsyncOperation": url, "Azure-AsyncNotification": "Enabled"}

    def page(self, items: list[Any], size: int) -> tuple[list[Any], dict[str, str]]:
        """Return one page of the items, and the ``nextLink`` if there are more; raises ``ArmError`` 400."""
        token = self.query.get("$skiptoken", "0")
        if not (token.isascii() and token.isdecimal()):
            raise invalid_parameter(f"The skip token '{token}' is not valid.", "$skiptoken")
        first = int(token[:9])
        if first + size >= len(items):
            return items[first:], {}
        kept = {key: value for key, value in self.query.items() if key != "$skiptoken"}
        query = "&".join(f"{key}={quote(value)}" for key, value in {**kept, "$skiptoken": str(first + size)}.items())
        return items[first : first + size], {"nextLink": f"{self.base_url}{quote(self.path)}?{query}"}
