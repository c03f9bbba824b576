"""The emulator as a WSGI application: identity, ``/_emulator/``, and ARM at every other path."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.test import create_environ
from werkzeug.wrappers import Request, Response

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.front import origin
from vmss_jenkins.emulator.front.blobs import PREFIX as BLOBS
from vmss_jenkins.emulator.front.blobs import Blobs
from vmss_jenkins.emulator.front.control import PREFIX
from vmss_jenkins.emulator.front.http_server import ENDING, Ending
from vmss_jenkins.emulator.front.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from vmss_jenkins.emulator.arm.throttling import Throttle
    from vmss_jenkins.emulator.faults.fault import Fault
    from vmss_jenkins.emulator.front.control import Control
    from vmss_jenkins.emulator.front.fault_injector import FaultInjector
    from vmss_jenkins.emulator.front.identity import Identity
    from vmss_jenkins.emulator.persistence.journal import Entry, Journal
    from vmss_jenkins.emulator.state.backend import Backend

_LARGEST_BODY = 4 * 1024 * 1024
_UNREAD = (400, 413)
_TOKEN = "/oauth2/v2.0/token"  # noqa: S105 - a path
_log = logging.getLogger(__name__)


class _Request(Request):
    max_content_length = _LARGEST_BODY


class App:
    """The application; if ``tokens``, requests to ARM need a bearer token from ``identity``."""

    def __init__(
        self,
        backend: Backend,
        throttle: Throttle,
        identity: Identity,
        injector: FaultInjector,
        control: Control,
        *,
        tokens: bool,
    ) -> None:
        self._backend, self._identity, self._injector, self._tokens = backend, identity, injector, tokens
        self.journal: Journal | None = None
        """The state file, which keeps the requests that change something."""
        self._arm = ResourceManager(backend, throttle)
        routes: list[tuple[str, str, Callable[..., Reply | Response]]] = [
            ("GET", "/metadata/endpoints", self._metadata),
            ("GET", "/<tenant>/v2.0/.well-known/openid-configuration", self._configuration),
            ("POST", f"/<tenant>{_TOKEN}", self._token),
            *control.routes,
            *Blobs().routes,
        ]
        rules = [Rule(path, methods=[method], endpoint=handler) for method, path, handler in routes]
        self._map = Map(rules, merge_slashes=False)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = _Request(environ)
        return self._answer(request)(environ, start_response)

    def replay(self, entry: Entry) -> int:
        """Handle a request of the state file again, and return the status of the answer."""
        known, refused = entry.request, HTTPStatus.UNAUTHORIZED
        environ = create_environ(method=known.method, headers=known.headers, data=known.body.encode())
        environ |= {"PATH_INFO": known.path.encode().decode("latin-1"), "QUERY_STRING": known.query}
        journal, tokens = self.journal, self._tokens
        self.journal, self._tokens = None, tokens and entry.status == refused
        try:
            return self._answer(_Request(environ)).status_code
        finally:
            self.journal, self._tokens = journal, tokens

    def _answer(self, request: Request) -> Response:
        try:
            # Always read the body: the next request on this connection starts after it.
            content = request.get_data()
            origin.check(request.method, request.scheme, int(request.environ["SERVER_PORT"]), request.headers.get)
            if request.path.startswith(BLOBS):  # instances fetch scripts while the state is locked
                return self._handled(request)[1]
            with self._backend.moment():
                armed = self._backend.armed
                fault, response = self._handled(request)
                if self.journal and (self._backend.armed != armed or _changes(request, response)):
                    kept = self.journal.request(
                        request.method,
                        request.path,
                        request.query_string.decode("latin-1"),
                        dict(request.headers),
                        content,
                    )
                    self.journal.add(kept, self._backend.now, self._backend.time_scale, response.status_code)
        except ArmError as error:  # refused before anything saw it: not carried out, and not in the state file
            return _response(Reply(error.status, error.body, error.headers))
        except HTTPException as error:
            fault, response = None, _http_error(error)
        except Exception:  # noqa: BLE001 - for any error the client gets ARM's error body, and the log the traceback
            _log.exception("the emulator failed at %s %s", request.method, request.path)
            fault, response = None, _http_error(InternalServerError())
        return self._recorded(request, response, fault)

    def _handled(self, request: Request) -> tuple[Fault | None, Response]:
        fault = self._strike(request)
        try:
            if fault:
                self._injector.check(fault)
            reply = self._reply(request)
            return fault, reply if isinstance(reply, Response) else _response(reply)
        except ArmError as error:
            return fault, _response(Reply(error.status, error.body, error.headers))
        except HTTPException as error:
            return fault, _http_error(error)

    def _strike(self, request: Request) -> Fault | None:
        """Let faults strike a request, unless it is to one of the emulator's own endpoints."""
        if request.path.startswith(PREFIX):
            return None
        return self._injector.strike(request.method, request.path)

    def _recorded(self, request: Request, response: Response, fault: Fault | None) -> Response:
        """Record the request and its status, and end the answer as the fault says."""
        if request.path.startswith(PREFIX):
            return response
        call = {"method": request.method, "path": request.path, "status": response.status_code}
        self._backend.calls.append(call | ({"fault": str(fault)} if fault else {}))
        if not fault:
            return response
        ending: Ending = request.environ.get(ENDING, Ending())
        ending.how = self._injector.ending(fault)
        if fault.kind == "lost-answer" and fault.status:
            error = self._injector.error(fault)
            return _response(Reply(error.status, error.body, error.headers))
        return response

    def _reply(self, request: Request) -> Reply | Response:
        try:
            handler, params = self._map.bind_to_environ(request.environ).match()
        except (NotFound, MethodNotAllowed):
            return self._resource_manager(request)
        reply: Reply | Response = handler(request, **params)
        return reply

    def _resource_manager(self, request: Request) -> Reply:
        if self._tokens:
            self._identity.check(request.headers.get("Authorization"), self._backend.now)
        headers = {key.lower(): value for key, value in request.headers.items()}
        query, content = request.args.to_dict(), request.get_data()
        return self._arm.answer(request.method, _base_url(request), request.path, query, headers, content)

    def _metadata(self, request: Request) -> Reply:
        return Reply(200, self._identity.metadata(_base_url(request)))

    def _configuration(self, request: Request, tenant: str) -> Reply:
        return self._identity.configuration(_base_url(request), tenant)

    def _token(self, request: Request, tenant: str) -> Reply:
        return self._identity.token(tenant, request.form, _base_url(request), self._backend.now)


def _changes(request: Request, response: Response) -> bool:
    """Whether a request may have changed the state: not a read, not refused with 401, and not for a token."""
    read = request.method in ("GET", "HEAD") or request.path.endswith(_TOKEN)
    return not read and response.status_code != HTTPStatus.UNAUTHORIZED


def _base_url(request: Request) -> str:
    return f"{request.scheme}://{request.host}"


def _response(reply: Reply) -> Response:
    response = Response(status=reply.status, headers=dict(reply.headers))
    if reply.body is None:
        del response.headers["Content-Type"]
    else:
        response.headers["Content-Type"] = "application/json; charset=utf-8"
        response.set_data(orjson.dumps(reply.body))
    return response


def _http_error(error: HTTPException) -> Response:
    """Return an error of the server, such as a body that is too large, with ARM's error body."""
    code = error.name.replace(" ", "")
    # These two may leave a part of the body unread, and the server would take it for the next request.
    headers = {"Connection": "close"} if error.code in _UNREAD else {}
    return _response(Reply(error.code or 500, ArmError(500, code, error.description or code).body, headers))
