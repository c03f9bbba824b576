"""The checks of Azure Resource Manager (api-version, subscription, roles, throttling), then the route's handler."""

from __future__ import annotations

import json
import random
import re
import uuid
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, authorization_failed, gateway
from vmss_jenkins.emulator.arm.throttling import LIMITS
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute.automation import watch
from vmss_jenkins.emulator.front.routes import resolve
from vmss_jenkins.emulator.insights import autoscale
from vmss_jenkins.emulator.scenario.scenario import CLIENT_ID
from vmss_jenkins.emulator.state.availability import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_jenkins.emulator.arm.throttling import Throttle
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.calls.route import Route
    from vmss_jenkins.emulator.state.backend import Backend

_API_VERSION = re.compile(r"20\d\d-[01]\d-[0-3]\d(-\w+)?", re.ASCII)
_LISTS_OF_RESOURCES = ("list sets", "list images")
_OF_OTHERS = ("Microsoft.Compute/galleries/images/read", "Microsoft.Compute/galleries/images/versions/read")
"""What may be read in another subscription."""


class ResourceManager:
    """Answers requests about the state of one backend."""

    def __init__(self, backend: Backend, throttle: Throttle) -> None:
        self._backend = backend
        self._throttle = throttle
        self._chance = random.Random(0)  # noqa: S311  (ids of requests; a read must not change the random numbers of the state)

    def answer(
        self,
        method: str,
        base_url: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Reply:
        """Return the answer to a request, with ARM's error body if it fails, and the headers of every answer."""
        with self._backend.lock:
            self._backend.advance()
            call: Call | None = None
            try:
                version = self._api_version(query)
                route, params = resolve(method, path, version)
                call = self._call(route, params, base_url, path, query, headers, content)
                with self._backend.caused(Cause("client", method, path)):
                    reply = self._handle(route, call)
            except ArmError as error:
                reply = Reply(error.status, error.body, error.headers)
            return Reply(reply.status, reply.body, {**reply.headers, **self._common(call, headers)})

    def check(self, method: str, path: str, api_version: str) -> None:
        """Return if the method and path are served; raises ``ArmError``."""
        resolve(method, path, api_version)

    def send(self, method: str, path: str, body: Json, api_version: str) -> Reply:
        """Return the answer to a request that the emulator makes itself. Hold the backend's lock."""
        route, params = resolve(method, path, api_version)
        content = json.dumps(body).encode() if body else b""
        return self._handle(route, self._call(route, params, "", path, {"api-version": api_version}, {}, content))

    def _call(
        self,
        route: Route,
        params: Mapping[str, str],
        base_url: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Call:
        limits = LIMITS[route.limits]
        return Call(self._backend, self._throttle, base_url, path, query, headers, content, params, limits, self)

    def _handle(self, route: Route, call: Call) -> Reply:
        self._check_subscription(route, call)
        if not call.backend.scenario.allows(route.action):
            scope = call.path.rpartition("/")[0] if route.method == "POST" else call.path
            raise authorization_failed(CLIENT_ID, route.action, scope)
        self._check_exists(route, call)
        if route.limits in _LISTS_OF_RESOURCES:
            # ARM itself answers an empty list, without asking the provider.
            reply = route.handler(call)
            if reply.body["value"]:
                call.take_tokens()
            return reply
        call.take_tokens()
        reply = route.handler(call)
        if route.method != "GET":
            self._note_write(call.params)
        return reply

    def _note_write(self, params: Mapping[str, str]) -> None:
        """Record that a client wrote to a set: Azure's own services keep away from it for a while, then look at it."""
        key = (params.get("group", "").lower(), params.get("set", "").lower())
        if scale_set := self._backend.scale_sets.get(key):
            scale_set.written = self._backend.now
        watch.wake(self._backend)
        autoscale.wake(self._backend)

    def _check_subscription(self, route: Route, call: Call) -> None:
        if self._is_own(call):
            return
        wanted = call.params["subscription"]
        if not self._backend.scenario.knows(wanted):
            raise gateway(404, "SubscriptionNotFound", f"The subscription '{wanted}' could not be found.")
        if route.method != "GET" or "definition" not in call.params or route.action not in _OF_OTHERS:
            raise authorization_failed(CLIENT_ID, route.action, call.path)

    def _is_own(self, call: Call) -> bool:
        own = self._backend.scenario.subscription_id
        return call.params.get("subscription", own).lower() == own.lower()

    def _check_exists(self, route: Route, call: Call) -> None:
        """Raise the 404 of ARM itself, which knows the groups and sets; it takes no token of the provider."""
        if "group" in call.params and route.limits != "none" and self._is_own(call):
            self._backend.group(call.params["group"])
        if "set" in call.params and (route.method, route.limits) not in (("PUT", "put set"), ("DELETE", "delete set")):
            self._backend.scale_set(call.params["group"], call.params["set"])

    @staticmethod
    def _api_version(query: Mapping[str, str]) -> str:
        version = query.get("api-version", "")
        if not version:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            raise gateway(400, "MissingApiVersionParameter", text)
        if not _API_VERSION.fullmatch(version):
            text = f"The api-version '{version}' is invalid. It is a date such as 2024-07-01."
            raise gateway(400, "InvalidApiVersionParameter", text)
        return version

    def _common(self, call: Call | None, headers: Mapping[str, str]) -> dict[str, str]:
        request_id = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        common = {
            "Cache-Control": "no-cache",
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": headers.get("x-ms-correlation-request-id", request_id),
        }
        if call and call.remaining:
            common["x-ms-ratelimit-remaining-resource"] = ",".join(call.remaining)
        if call and call.charged is not None:
            common["x-ms-request-charge"] = str(call.charged)
        return common
