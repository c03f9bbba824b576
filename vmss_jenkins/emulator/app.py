"""The emulator's HTTP surface as a Flask application: ARM at every path but identity's and ``/_emulator/``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import flask
from werkzeug.exceptions import HTTPException

from vmss_jenkins.emulator.arm import Arm
from vmss_jenkins.emulator.blobs import add_blobs
from vmss_jenkins.emulator.calls import Reply
from vmss_jenkins.emulator.control import PREFIX
from vmss_jenkins.emulator.errors import ArmError
from vmss_jenkins.emulator.http_server import ENDING, Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.backend import Backend
    from vmss_jenkins.emulator.control import Control
    from vmss_jenkins.emulator.identity import Identity
    from vmss_jenkins.emulator.injection import Injector
    from vmss_jenkins.emulator.throttling import Throttle

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_LARGEST_BODY = 4 * 1024 * 1024
_UNREAD = (400, 413)


def create_app(
    backend: Backend, throttle: Throttle, identity: Identity, injector: Injector, control: Control, *, tokens: bool
) -> flask.Flask:
    """Return the application; with ``tokens`` requests to ARM need a bearer token from ``identity``."""
    app = flask.Flask("vmss_jenkins.emulator", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.before_request(_read_body)
    add_blobs(app)
    _add_faults(app, backend, injector)
    _add_identity(app, backend, identity)
    for method, path, handler in control.routes:
        app.add_url_rule(path, f"{method} {path}", _answering(handler), methods=[method])
    arm = Arm(backend, throttle)

    @app.route("/", methods=METHODS, defaults={"path": ""}, provide_automatic_options=False)
    @app.route("/<path:path>", methods=METHODS, provide_automatic_options=False)
    def resource_manager(path: str) -> flask.Response:
        request = flask.request
        if tokens:
            with backend.lock:
                backend.advance()
                identity.check(request.headers.get("Authorization"), backend.now)
        headers = {key.lower(): value for key, value in request.headers.items()}
        query, content = request.args.to_dict(), request.get_data()
        return _response(arm.answer(request.method, _base_url(), f"/{path}", query, headers, content))

    app.register_error_handler(ArmError, lambda error: _response(Reply(error.status, error.body, error.headers)))
    app.register_error_handler(HTTPException, _http_error)
    return app


def _read_body() -> None:
    # Whatever becomes of the request: the next one on this connection starts after its body.
    flask.request.get_data()


def _add_faults(app: flask.Flask, backend: Backend, injector: Injector) -> None:
    """Let faults strike every request but those to the emulator's own endpoints, and keep what was asked."""

    @app.before_request
    def strike() -> None:
        request = flask.request
        if request.path.startswith(PREFIX):
            return
        with backend.lock:
            backend.advance()
            flask.g.fault = injector.strike(request.method, request.path)
            if flask.g.fault:
                injector.check(flask.g.fault)

    @app.after_request
    def record(response: flask.Response) -> flask.Response:
        request, fault = flask.request, flask.g.get("fault")
        if request.path.startswith(PREFIX):
            return response
        call = {"method": request.method, "path": request.path, "status": response.status_code}
        backend.calls.append(call | ({"fault": str(fault)} if fault else {}))
        if not fault:
            return response
        ending: Ending = request.environ.get(ENDING, Ending())
        ending.how = injector.ending(fault)
        if fault.kind == "lost-answer" and fault.status:
            error = injector.error(fault)
            return _response(Reply(error.status, error.body, error.headers))
        return response


def _add_identity(app: flask.Flask, backend: Backend, identity: Identity) -> None:
    @app.get("/metadata/endpoints")
    def metadata() -> flask.Response:
        return _response(Reply(200, identity.metadata(_base_url())))

    @app.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def configuration(tenant: str) -> flask.Response:
        return _response(identity.configuration(_base_url(), tenant))

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> flask.Response:
        with backend.lock:
            backend.advance()
            return _response(identity.token(tenant, flask.request.form, _base_url(), backend.now))


def _answering(handler: Callable[..., Reply]) -> Callable[..., flask.Response]:
    return lambda **params: _response(handler(**params))


def _base_url() -> str:
    return flask.request.host_url.rstrip("/")


def _response(reply: Reply) -> flask.Response:
    response = flask.Response(status=reply.status, headers=dict(reply.headers))
    if reply.body is None:
        del response.headers["Content-Type"]
    else:
        response.headers["Content-Type"] = "application/json; charset=utf-8"
        response.set_data(json.dumps(reply.body))
    return response


def _http_error(error: HTTPException) -> flask.Response:
    """Every error has ARM's body: a wrong method, a body too large, and a fault of the emulator itself."""
    code = (error.name or "InternalServerError").replace(" ", "")
    # These two may leave a part of the body unread, where the next request would be looked for.
    headers = {"Connection": "close"} if error.code in _UNREAD else {}
    return _response(Reply(error.code or 500, ArmError(500, code, error.description or code).body, headers))
