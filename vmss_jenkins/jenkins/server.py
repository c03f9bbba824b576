"""A Jenkins server, through python-jenkins: the adapter that implements `jenkins.ports.JenkinsJobs`.

python-jenkins does authentication, crumbs and sessions. Its own `create_job` sends three requests instead of one, and
its errors hide the server's reason. So this module builds the requests, and python-jenkins sends them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jenkins
import requests

from vmss_jenkins.errors import ConfigError, JenkinsError
from vmss_jenkins.jenkins.errors import NOT_JENKINS, explained, is_crumb_refusal, refuse_redirect, translated
from vmss_jenkins.jenkins.plan.jobs import ExistingJob
from vmss_jenkins.jenkins.ports import JobState

TIMEOUT = 30
"""Seconds to wait for one answer."""
DEPTH = 10
"""How many levels of folders the listing of all items reads."""
FOLDER_XML = """<?xml version='1.1' encoding='UTF-8'?>
<com.cloudbees.hudson.plugins.folder.Folder><description/></com.cloudbees.hudson.plugins.folder.Folder>"""

_XML = {"Content-Type": "text/xml; charset=utf-8"}
_IMPOSSIBLE_NAME = "?"
_LINK = '<a href="https://www.jenkins.io/">link</a>'


class JenkinsServer:
    """The jobs of one server. Several threads may use it; each request borrows a connection.

    Args:
        url: the address as in a browser, with the path of Jenkins.
        user: the user's id.
        token: an API token, or a password.
        timeout: seconds to wait for one answer.
    """

    def __init__(self, url: str, user: str, token: str, *, timeout: int = TIMEOUT) -> None:
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise ConfigError("--url", [f"found {url!r}, wanted a URL such as https://jenkins.example.com/"])
        self.url = url.rstrip("/") + "/"
        self._user, self._token, self._timeout = user, token, timeout
        self._clients: list[jenkins.Jenkins] = []
        self._idle: list[jenkins.Jenkins] = []
        self._gate = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._gate:
            for client in self._clients:
                _session(client).close()
            self._clients.clear()
            self._idle.clear()

    def whoami(self) -> str:
        """Return the user's id; this proves that the server answers and accepts the token."""
        action = f"log in to {self.url}"
        # A request for the version would fail with 403 on a server that anonymous users may not read.
        response = self._send("GET", "me/api/json", action)
        if "X-Jenkins" not in response.headers:
            found = f"found no Jenkins there (no X-Jenkins header): {response.text[:80]!r}"
            raise JenkinsError(response.status_code, found, action, NOT_JENKINS)
        return str(self._json(response, action).get("id", self._user))

    def version(self) -> str:
        """Return the server's version."""
        return str(self._send("GET", "me/api/json", "read the version").headers.get("X-Jenkins", ""))

    def plugins(self) -> Mapping[str, str] | None:
        """Return the active plugins and their versions; None if the user may not see them."""
        path = "pluginManager/api/json?tree=plugins[shortName,version,active]"
        answer = self._if_visible(path, "list the plugins")
        if answer is None:
            return None
        return {each["shortName"]: each["version"] for each in answer.get("plugins", ()) if each.get("active", True)}

    def items(self) -> Mapping[str, ExistingJob]:
        """List all items by path, without their config.xml, in one request."""
        tree = ""
        for _ in range(DEPTH):
            tree = f"jobs[name,_class,description{',' + tree if tree else ''}]"
        action = "list the jobs"
        answer = self._json(self._send("GET", f"api/json?tree={quote(tree, safe='[],')}", action), action)
        return {item.path: item for item in _items(answer, "")}

    def config(self, path: str) -> str:
        """Read a job's config.xml."""
        return self._send("GET", f"{_url(path)}config.xml", f"read the job {path}").text

    def credentials(self, folder: str) -> frozenset[str] | None:
        """Return the ids of a folder's credentials, of the server's for ""; None if the user may not see them."""
        store = "folder" if folder else "system"
        path = f"{_url(folder)}credentials/store/{store}/domain/_/api/json?tree=credentials[id]"
        answer = self._if_visible(path, f"list the credentials of {folder or 'the server'}")
        return None if answer is None else frozenset(each["id"] for each in answer.get("credentials", ()))

    def may_create(self, folder: str) -> bool:
        """Ask whether the user may create jobs in a folder, at the root for ""; this creates nothing.

        Jenkins checks the permission first and then the name, and it refuses this name.
        """
        try:
            self._create(folder, _IMPOSSIBLE_NAME, "<flow-definition/>", "ask for the permission to create jobs")
        except JenkinsError as error:
            if error.status == requests.codes.bad_request:
                return True
            if error.status == requests.codes.forbidden:
                return False
            raise
        return True

    def lint(self, jenkinsfile: str) -> tuple[str, ...] | None:
        """Return the faults of a declarative pipeline; None if the server has no linter."""
        action = "check a Jenkinsfile"
        try:
            response = self._send(
                "POST", "pipeline-model-converter/validateJenkinsfile", action, data={"jenkinsfile": jenkinsfile}
            )
        except JenkinsError as error:
            if error.status == requests.codes.not_found:
                return None
            raise
        errors = self._json(response, action).get("data", {}).get("errors", ())
        return tuple(_linted(each) for each in errors)

    def shows_html(self) -> bool | None:
        """Ask whether tags in descriptions are shown as HTML, not as text; None if the server does not tell.

        Jenkins has a preview of what its markup formatter makes of a text; it stores nothing.
        """
        try:
            response = self._send(
                "POST", "markupFormatter/previewDescription", "ask for the markup formatter", data={"text": _LINK}
            )
        except JenkinsError as error:
            if error.status in {requests.codes.forbidden, requests.codes.not_found}:
                return None
            raise
        return True if "<a " in response.text else False if "&lt;a " in response.text else None

    def create(self, path: str, config_xml: str) -> None:
        """Create a job in a folder that exists."""
        folder, _, name = path.rpartition("/")
        self._create(folder, name, config_xml, f"create the job {path}")

    def create_folder(self, path: str) -> None:
        """Create a folder in a folder that exists."""
        folder, _, name = path.rpartition("/")
        self._create(folder, name, FOLDER_XML, f"create the folder {path}")

    def update(self, path: str, config_xml: str) -> None:
        """Replace a job's config.xml."""
        self._post_xml(f"{_url(path)}config.xml", config_xml, f"update the job {path}")

    def state(self, path: str) -> JobState:
        """Read whether a job is disabled, and whether it has builds."""
        action = f"read the state of the job {path}"
        answer = self._json(
            self._send("GET", f"{_url(path)}api/json?tree=buildable,lastBuild%5Bnumber%5D", action), action
        )
        return JobState(has_builds=answer.get("lastBuild") is not None, is_disabled=answer.get("buildable") is False)

    def disable(self, path: str) -> None:
        """Disable a job; it keeps its builds and starts no more."""
        self._press(f"{_url(path)}disable", f"disable the job {path}")

    def delete(self, path: str) -> None:
        """Delete a job with its builds."""
        self._press(f"{_url(path)}doDelete", f"delete the job {path}")

    def _press(self, path: str, action: str) -> None:
        """Send a form without fields, as a button of the web page does."""
        try:
            self._send("POST", path, action)
        except JenkinsError as error:
            # Afterwards Jenkins redirects to a page, which is not read here.
            if error.status != requests.codes.found:
                raise

    def _create(self, folder: str, name: str, config_xml: str, action: str) -> None:
        self._post_xml(f"{_url(folder)}createItem?{urlencode({'name': name})}", config_xml, action)

    def _post_xml(self, path: str, xml: str, action: str) -> None:
        self._send("POST", path, action, data=xml.encode(), headers=_XML)

    def _if_visible(self, path: str, action: str) -> Mapping[str, Any] | None:
        try:
            return self._json(self._send("GET", path, action), action)
        except JenkinsError as error:
            if error.status in {requests.codes.forbidden, requests.codes.not_found}:
                return None
            raise

    def _send(
        self,
        method: str,
        path: str,
        action: str,
        **parts: Any,  # noqa: ANN401 - as requests.Request takes them
    ) -> requests.Response:
        request = requests.Request(method, self.url + path, **parts)
        with self._client() as client:
            try:
                response = self._once(client, request, action)
            except JenkinsError as error:
                if method != "POST" or not is_crumb_refusal(error):
                    raise
                client.crumb = None  # the session ended, as when Jenkins restarted
                response = self._once(client, request, action)
        return response

    def _once(self, client: jenkins.Jenkins, request: requests.Request, action: str) -> requests.Response:
        with translated(action):
            response: requests.Response = client.jenkins_request(request, add_crumb=request.method == "POST")
            return response

    @contextmanager
    def _client(self) -> Iterator[jenkins.Jenkins]:
        """Lend the client that was used last, with its open connection and its crumb; make one if none is idle."""
        with self._gate:
            client = self._idle.pop() if self._idle else self._new_client()
        try:
            yield client
        finally:
            with self._gate:
                self._idle.append(client)

    def _new_client(self) -> jenkins.Jenkins:
        client = jenkins.Jenkins(self.url, self._user, self._token, timeout=self._timeout)
        # python-jenkins switches verification off if PYTHONHTTPSVERIFY=0; here it stays on.
        _session(client).verify = True
        _session(client).hooks["response"].append(refuse_redirect)
        self._clients.append(client)
        return client

    def _json(self, response: requests.Response, action: str) -> Mapping[str, Any]:
        try:
            answer = response.json()
        except (json.JSONDecodeError, requests.JSONDecodeError) as error:
            message = f"found no JSON: {explained(response)}"
            raise JenkinsError(response.status_code, message, action, NOT_JENKINS) from error
        return answer if isinstance(answer, dict) else {}


def _session(client: jenkins.Jenkins) -> requests.Session:
    """Return the session of a client; python-jenkins offers no public name for it."""
    session: requests.Session = vars(client)["_session"]
    return session


def _items(answer: Mapping[str, Any], folder: str) -> Iterator[ExistingJob]:
    for each in answer.get("jobs") or ():
        path = f"{folder}/{each['name']}".lstrip("/")
        yield ExistingJob(path, each.get("_class", ""), each.get("description") or "", is_folder="jobs" in each)
        yield from _items(each, path)


def _url(path: str) -> str:
    return "".join(f"job/{quote(part, safe='')}/" for part in path.split("/") if part)


def _linted(error: object) -> str:
    """Return the text of one fault; the linter nests lists if it has several faults for one place."""
    if isinstance(error, Mapping):
        error = error.get("error", error)
    if isinstance(error, list):
        return "; ".join(_linted(each) for each in error)
    return str(error)
