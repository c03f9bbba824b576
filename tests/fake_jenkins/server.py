"""The HTTP side of the fake Jenkins: authentication, routes and answers."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, redirect, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fake_jenkins import rewriting
from tests.fake_jenkins.state import FOLDER, Item, Refusal, State, lint

if TYPE_CHECKING:
    from ssl import SSLContext

    from typing_extensions import Self

VERSION = "2.421"
LOGIN_PAGE = (
    "<html><head><meta http-equiv='refresh' content='1;url=/login?from={path}'/>"
    "<script>window.location.replace('/login?from={path}');</script></head>"
    "<body style='background-color:white; color:white;'>\n\n\nAuthentication required\n<!--\n-->\n\n</body></html>"
    + " "
    * 300
)
JETTY_PAGE = (
    '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n'
    "<title>Error {status} {reason}</title>\n</head>\n<body><h2>HTTP ERROR {status} {reason}</h2>\n<table>\n"
    "<tr><th>URI:</th><td>{path}</td></tr>\n<tr><th>STATUS:</th><td>{status}</td></tr>\n"
    "<tr><th>MESSAGE:</th><td>{reason}</td></tr>\n<tr><th>SERVLET:</th><td>Stapler</td></tr>\n</table>\n"
    '<hr/><a href="https://eclipse.org/jetty">Powered by Jetty:// 10.0.15</a><hr/>\n\n</body>\n</html>\n'
)
PAGE = (
    '\n  \n  <!DOCTYPE html><html><head resURL="/static/84286f18" data-crumb-value="">\n'
    "<title>{title} [Jenkins]</title><script>var script = 'of the page';</script></head>"
    '<body id="jenkins"><div id="main-panel"><h1>{title}</h1><pre>{text}</pre></div></body></html>'
)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent."""


class FakeJenkins:
    """A running fake Jenkins on loopback; a context manager.

    Args:
        port: 0 for a free port.
        delay: seconds before each answer.
        tls: to serve https.
    """

    def __init__(self, port: int = 0, delay: float = 0.0, tls: SSLContext | None = None) -> None:
        self.user, self.token, self.password = "admin", secrets.token_hex(17), secrets.token_urlsafe(12)
        self.reader, self.reader_token = "reader", secrets.token_hex(17)
        """A user with read permissions only."""
        self.state, self.delay = State(), delay
        self.asked: list[str] = []
        """Each request, as `GET /path?query`."""
        self.unavailable = 0
        """How many of the next requests get the answer 503, as during a restart."""
        self.failures: dict[str, int] = {}
        """Part of a request -> status: matching requests fail."""
        self.closed: set[str] = set()
        """Folders in which nobody may create jobs."""
        self.has_linter = True
        self.markup = "Plain text"
        """The markup formatter: `Plain text` or `Safe HTML`."""
        self.redirect_to = ""
        self._crumbs: dict[str, str] = {}
        self._lock = threading.RLock()
        self._scheme = "https" if tls else "http"
        self._server = make_server(
            "127.0.0.1", port, self._app(), threaded=True, request_handler=_Handler, ssl_context=tls
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def run(self, path: str) -> None:
        """Change a job's configuration as its first run does."""
        item = self.state.items[path]
        item.config, item.builds = rewriting.as_run(item.config), item.builds + 1

    def save(self, path: str, change: Callable[[str], str] = lambda config: config) -> None:
        """Change a job as a person does in the browser, and save it."""
        item = self.state.items[path]
        item.config = rewriting.as_saved(change(item.config))

    def forget_sessions(self) -> None:
        """End all sessions, as a restart does."""
        self._crumbs.clear()

    def _app(self) -> Flask:
        app = Flask("fake_jenkins")
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(Refusal, self._refused)
        app.register_error_handler(404, lambda _: self._refused(Refusal(404)))
        app.add_url_rule("/<path:path>", view_func=self._serve, methods=["GET", "POST"])
        app.add_url_rule("/", view_func=lambda: PAGE.format(title="Dashboard", text=""))
        return app

    def _before(self) -> Response | None:
        with self._lock:
            self.asked.append(f"{request.method} {request.full_path.rstrip('?')}")
            if self.unavailable:
                self.unavailable -= 1
                page = PAGE.format(title="Jenkins", text="Please wait while Jenkins is getting ready to work ...")
                return Response(page, 503, mimetype="text/html")
        if self.delay:
            time.sleep(self.delay)
        if self.redirect_to:
            return Response("", 302, {"Location": self.redirect_to + request.full_path.lstrip("/")})
        for part, status in self.failures.items():
            if part in f"{request.method} {request.full_path}":
                raise Refusal(status, "java.lang.IllegalStateException: failure of a test\n\tat Fake.java")
        return self._authenticated()

    def _authenticated(self) -> Response | None:
        who = request.authorization
        if who is None:
            page = LOGIN_PAGE.format(path=request.path.replace("/", "%2F"))
            return Response(page, 403, {"X-Jenkins": VERSION}, mimetype="text/html")
        allowed = {(self.user, self.token), (self.user, self.password), (self.reader, self.reader_token)}
        if (who.username, who.password) not in allowed:
            headers = {"WWW-Authenticate": 'Basic realm="Jenkins"'}
            return Response(_jetty(401, "Unauthorized"), 401, headers, mimetype="text/html")
        crumb = request.headers.get("Jenkins-Crumb", "")
        session = request.cookies.get("JSESSIONID.0", "-")
        if request.method == "POST" and who.password == self.password and self._crumbs.get(session) != crumb:
            reason = "No valid crumb was included in the request"
            return Response(_jetty(403, reason), 403, mimetype="text/html")
        return None

    def _after(self, response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.status_code in {404, 400, 500} or response.is_json:
            response.headers["X-Jenkins"] = VERSION
        return response

    @staticmethod
    def _refused(refusal: Any) -> Response:
        headers = {"X-Error": refusal.reason} if refusal.status == 400 else {}
        titles = {404: "Not Found", 403: "Access Denied"}
        page = PAGE.format(title=titles.get(refusal.status, "Jenkins"), text=escape(refusal.reason))
        return Response(page, refusal.status, headers, content_type="text/html;charset=utf-8")

    def _serve(self, path: str) -> Any:
        parts = path.split("/")
        names = []
        while len(parts) > 1 and parts[0] == "job":
            names.append(parts[1])
            parts = parts[2:]
        with self._lock:
            return self._item(self.state.path(names), "/".join(parts))

    def _item(self, path: str, rest: str) -> Any:
        if rest.startswith("credentials/store/") and rest.endswith("/domain/_/api/json"):
            return self._credentials(path)
        routes = {
            ("GET", "crumbIssuer/api/json"): self._crumb,
            ("GET", "me/api/json"): self._whoami,
            ("GET", "pluginManager/api/json"): self._plugins,
            ("POST", "pipeline-model-converter/validateJenkinsfile"): self._lint,
            ("POST", "markupFormatter/previewDescription"): self._preview,
        }
        if not path and (request.method, rest) in routes:
            return routes[request.method, rest]()
        if request.method == "GET":
            return self._read(path, rest)
        return self._write(path, rest)

    def _read(self, path: str, rest: str) -> Any:
        if rest == "config.xml":
            return Response(self.state.item(path).config, content_type="application/xml")
        if rest == "api/json":
            tree = request.args.get("tree", "")
            if "jobs" not in tree:
                return jsonify(self._one(self.state.item(path), tree))
            fields = set(tree.replace("]", "").replace("[", ",").split(","))
            jobs = self.state.listing(path, fields, tree.count("jobs["), self.url)
            return jsonify({"_class": "hudson.model.Hudson", "jobs": jobs})
        if rest:
            raise Refusal(404)
        return PAGE.format(title=self.state.item(path).name, text="")

    @staticmethod
    def _one(item: Item, tree: str) -> dict[str, Any]:
        facts: dict[str, Any] = {"_class": item.kind, "name": item.name}
        if "buildable" in tree:
            facts["buildable"] = rewriting.parsed(item.config).findtext("disabled") != "true"
        if "lastBuild" in tree:
            facts["lastBuild"] = {"number": item.builds} if item.builds else None
        return facts

    def _write(self, path: str, rest: str) -> Any:
        self._needs({"createItem": "Job/Create", "doDelete": "Job/Delete"}.get(rest, "Job/Configure"))
        body = request.get_data(as_text=True)
        if rest == "createItem":
            if path in self.closed:
                raise Refusal(403, f"{self.user} is missing the Job/Create permission")
            self.state.create(path, request.args["name"], body)
            return ""
        if rest == "config.xml":
            self.state.configure(path, body)
            return ""
        if rest == "disable":
            self.state.disable(path)
            return redirect("/")
        if rest == "doDelete":
            self.state.delete(path)
            return redirect("/")
        raise Refusal(404)

    def _needs(self, permission: str) -> None:
        """Refuse the reader, with the message of Jenkins' sources: the recordings have no such exchange."""
        who = request.authorization
        if who is not None and who.username == self.reader:
            raise Refusal(403, f"{self.reader} is missing the {permission} permission")

    def _crumb(self) -> Response:
        session = request.cookies.get("JSESSIONID.0") or secrets.token_hex(8)
        self._crumbs[session] = secrets.token_hex(16)
        fields = {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": self._crumbs[session]}
        response = jsonify({**fields, "crumbRequestField": "Jenkins-Crumb"})
        response.set_cookie("JSESSIONID.0", session, httponly=True)
        return response

    @staticmethod
    def _whoami() -> Response:
        name = request.authorization.username if request.authorization else "anonymous"
        return jsonify({"_class": "hudson.model.User", "fullName": name, "id": name, "description": None})

    def _plugins(self) -> Response:
        self._needs("Overall/SystemRead")
        plugins = [
            {"shortName": name, "version": version, "active": name not in self.state.inactive}
            for name, version in self.state.plugins.items()
        ]
        return jsonify({"_class": "hudson.LocalPluginManager", "plugins": plugins})

    def _credentials(self, path: str) -> Response:
        self._needs("Credentials/View")
        if path and self.state.item(path).kind != FOLDER:
            raise Refusal(404)
        ids = [{"id": each} for each in sorted(self.state.credentials.get(path, ()))]
        kind = "com.cloudbees.plugins.credentials.CredentialsStoreAction$DomainWrapper"
        return jsonify({"_class": kind, "credentials": ids})

    def _preview(self) -> Response:
        """What the markup formatter makes of a text: plain text escapes all, Safe HTML keeps links."""
        text = request.form["text"]
        return Response(escape(text) if self.markup == "Plain text" else text, mimetype="text/html")

    def _lint(self) -> Response:
        if not self.has_linter:
            raise Refusal(404)
        faults = lint(request.form["jenkinsfile"])
        data: dict[str, Any] = {"result": "failure", "errors": faults} if faults else {"result": "success"}
        return jsonify({"status": "ok", "data": data})


def _jetty(status: int, reason: str) -> str:
    return JETTY_PAGE.format(status=status, reason=reason, path=request.path)
